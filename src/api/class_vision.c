/*
 * class_vision.c - VisionModel, what the classes of models that see have in common: the options for
 * images. What is done with them is vision.c's, and a checkpoint decides whether it sees: of one of
 * text alone these options change nothing.
 */
#include "api/api.h"
#include "media/image_processor.h"

static const karma_option_spec options[] = {
    {.name = "text_only",
     .type = KARMA_OPTION_BOOL,
     .default_json = "null",
     .nullable = true,
     .help = "use the text part alone: a sample with images fails, and no memory is kept for them"},
    {.name = "mmproj",
     .type = KARMA_OPTION_STRING,
     .default_json = "null",
     .nullable = true,
     .help = "the .gguf file with the vision part of a .gguf of text; null: the one mmproj*.gguf "
             "in the model's folder"},
    {.name = "image_mode",
     .type = KARMA_OPTION_STRING,
     .default_json = "\"reference\"",
     .choices = image_depth_names,
     .help = "grey of 16 bits: reference: cut at 255, nearly white, as the reference does; "
             "full_depth: all 16 bits to 8; min_max: the picture's own least to largest value"},
    {.name = "pan_and_scan",
     .type = KARMA_OPTION_BOOL,
     .default_json = "false",
     .help = "show long pictures as a whole and in parts; not asked of the checkpoint's files, as "
             "in the reference"},
    {.name = "pan_and_scan_min_crop_size",
     .type = KARMA_OPTION_INT,
     .default_json = "256",
     .min = 1,
     .max = 65535,
     .help = "pixels of a part's shorter side at least"},
    {.name = "pan_and_scan_max_num_crops",
     .type = KARMA_OPTION_INT,
     .default_json = "4",
     .min = 1,
     .max = 64,
     .help = "parts at most"},
    {.name = "pan_and_scan_min_ratio_to_activate",
     .type = KARMA_OPTION_REAL,
     .default_json = "1.2",
     .min = 1,
     .max = 65535,
     .help = "long is a longer side of this many times the shorter"},
    {.name = "window_center",
     .type = KARMA_OPTION_REAL,
     .default_json = "null",
     .min = -1e9,
     .max = 1e9,
     .nullable = true,
     .help = "DICOM: the middle of what is shown as black to white, such as 40 Hounsfield units; "
             "goes with window_width"},
    {.name = "window_width",
     .type = KARMA_OPTION_REAL,
     .default_json = "null",
     .min = 1e-6,
     .max = 1e9,
     .nullable = true,
     .help = "DICOM: its width; null: the file's own window, else all of its values"},
    {.name = "image_cache_mb",
     .type = KARMA_OPTION_INT,
     .default_json = "64",
     .min = 0,
     .max = 1 << 20,
     .help = "encoded images kept, so that further questions on one do not encode it again"},
    {.name = "max_pixels",
     .type = KARMA_OPTION_INT,
     .default_json = "178956970",
     .min = 1,
     .max = 178956970,
     .help = "of an image; one of more fails before it is decoded"},
    {.name = NULL},
};

const karma_model_class class_vision = {
    .abi_version = KARMA_CLASS_ABI,
    .struct_size = sizeof(karma_model_class),
    .name = "VisionModel",
    .options = options,
    .help = "a language model with a checkpoint that sees",
};
