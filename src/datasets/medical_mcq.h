/* medical_mcq.h - what several sets of medical multiple-choice questions share: prompt and rows. */
#ifndef DATASETS_MEDICAL_MCQ_H
#define DATASETS_MEDICAL_MCQ_H

#include "datasets/adapt.h"

/* The line breaks inside are KARMA's. */
#define MEDICAL_MCQ_PROMPT                                                                         \
    "Instructions: The following are multiple choice questions about medical knowledge. Solve "    \
    "them in a\nstep-by-step fashion, starting by summarizing the available information. Output "  \
    "a single option from the\nfour options as the final answer. Question: {question}\n{options} " \
    "Response (think step by step and then\nend with \"Final Answer:\" followed by *only* the "    \
    "letter corresponding to the correct answer enclosed in\nparentheses)"
/* The same in one line. */
#define MEDICAL_MCQ_LINE(question)                                                                 \
    "Instructions: The following are multiple choice questions about medical knowledge. Solve "    \
    "them in a step-by-step fashion, starting by summarizing the available information. Output "   \
    "a single option from the four options as the final answer. Question: " question               \
    "\n{options} Response (think step by step and then end with \"Final Answer:\" followed by "    \
    "*only* the letter corresponding to the correct answer enclosed in parentheses)"

/* {"data": {"Question", "Options", "Correct Option", "Context"}}; the context goes before the
 * question. */
karma_status medical_mcq_adapt(struct arena *a, const struct dataset_source *from,
                               struct dataset_standard *out);

#endif
