/*
 * subtitles.h - words with their times as subtitles: SubRip and WebVTT. Words are gathered to cues
 * that can be read: one ends at a pause, or before it would be too long or stand too long.
 */
#ifndef CLI_SUBTITLES_H
#define CLI_SUBTITLES_H

#include <jansson.h>
#include <stdbool.h>

#include "cli/text_out.h"

/* segments: a list of {"text", "begin", "end", ...}, in seconds. False: memory ended. */
bool subtitles_srt(struct text_out *out, const json_t *segments);
bool subtitles_vtt(struct text_out *out, const json_t *segments);

#endif
