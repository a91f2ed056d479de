/*
 * indic_normalizer.h - one spelling for text of Indian scripts that Unicode can write in several
 * ways, as indic-nlp-library's normaliser does with its default settings.
 */
#ifndef PROCESSORS_INDIC_NORMALIZER_H
#define PROCESSORS_INDIC_NORMALIZER_H

#include "base/buf.h"

extern const char *const indic_languages[]; /* codes it knows, NULL-terminated */

/* Replace *text by its normal form for a language of the list; scratch is used on the way. */
karma_status indic_normalize(const char *language, struct buf *text, struct buf *scratch);

#endif
