/*
 * bleu_words.h - how sacreBLEU cuts a text into words before BLEU counts them: its tokenizers 13a,
 * intl, char, zh and none, to the letter, since a BLEU score is one of its tokenizer.
 */
#ifndef METRICS_BLEU_WORDS_H
#define METRICS_BLEU_WORDS_H

#include "metrics/ngrams.h"

enum bleu_tokenizer { BLEU_13A, BLEU_INTL, BLEU_CHAR, BLEU_ZH, BLEU_NONE };
extern const char *const bleu_tokenizers[]; /* by enum bleu_tokenizer; NULL ends */

karma_status bleu_words(enum bleu_tokenizer t, struct arena *a, const char *text, bool lowercase,
                        struct units *out);

#endif
