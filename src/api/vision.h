/*
 * vision.h (internal) - a sample's images on their way into a prompt: what stands for them in its
 * text (image_marks.c), their pixels and rows (vision.c).
 */
#ifndef API_VISION_H
#define API_VISION_H

#include "api/api.h"
#include "engine/prompt.h"
#include "media/image_processor.h"

/* The images of one prompt. */
struct sight {
    struct arena arena;
    const karma_image *const *images; /* in their order in the prompt */
    size_t n_images;
    struct image_box *
        *boxes;        /* [n_images]: of an image shown in parts, the whole first; else NULL */
    size_t *n_crops;   /* [n_images]: parts beside the whole */
    size_t n_pictures; /* images and parts: each becomes a span */
    struct image_marks marks;  /* to render the prompt with */
    struct prompt_span *spans; /* [n_pictures]; rows NULL until they are encoded */
};

/* What a run sees with, and what it has to tell when it ends. */
struct vision_run {
    karma_model *m;
    const karma_run_io *io;
    int64_t engine_bytes; /* of the run, beside weights and encoder */
    size_t n_clipped;     /* images whose 16 bits were cut */
    bool has_encoded;     /* it has met images, and they were new */
};
void vision_run_end(const struct vision_run *v);

/* The images of p. *sees: the model does, and s->marks are to be used even if there are none.
 * E_UNSUPPORTED: there are some and it does not. What can be seen of an image's size alone fails
 * here; nothing is encoded. Release s on both paths. */
karma_status sight_begin(struct vision_run *v, const struct karma_prompt *p, struct sight *s,
                         bool *sees);
/* Find their places in the ids of the whole prompt. E_SHAPE: there are more or fewer, or one was
 * cut; E_LIMIT: they do not fit n_ctx. */
karma_status sight_place(const struct vision_run *v, struct sight *s, const struct tokens *ids,
                         int32_t n_ctx);
/* Decode, prepare and encode, what is kept from before excepted. E_CANCELLED. */
karma_status sight_encode(struct vision_run *v, struct sight *s);
void sight_release(struct sight *s);

#endif
