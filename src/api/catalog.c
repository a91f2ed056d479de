/*
 * catalog.c - the models that karma knows by name: their classes, the class for each family of
 * checkpoints, and the metadata of published checkpoints. Names, arguments and defaults of classes
 * and entries that upstream has are upstream's. Parameters are counted from the shapes; memory is
 * what the weights take as published. A new model is one struct and one line in a list at the end.
 */
#include <stddef.h>
#include <string.h>

#include "api/api.h"
#include "api/class_options.h"

#define CLASS_HEAD .abi_version = KARMA_CLASS_ABI, .struct_size = sizeof(karma_model_class)

/* ---- classes ---- */

static const karma_option_spec qwen_options[] = {
    OPTION_MAX_TOKENS("32768"),
    OPTION_TEMPERATURE("0.7"),
    OPTION_TOP_P("0.9"),
    OPTION_TOP_K("null"),
    {.name = "enable_thinking",
     .type = KARMA_OPTION_BOOL,
     .default_json = "false",
     .help = "let the model think first; thought and answer come back apart"},
    {.name = NULL},
};

static const char *const qwen_aliases[] = {"karma.models.qwen.QwenThinkingLLM", NULL};

static const karma_model_class class_qwen = {
    CLASS_HEAD,
    .name = "QwenThinkingLLM",
    .aliases = qwen_aliases,
    .options = qwen_options,
    .help = "Qwen3: thinks before it answers, if asked to",
    .postprocess = thinking_postprocess,
};

static const karma_option_spec gemma_options[] = {
    OPTION_MAX_TOKENS("1024"),
    OPTION_TEMPERATURE("0.01"),
    OPTION_TOP_P("0.9"),
    OPTION_TOP_K("50"),
    OPTION_DO_SAMPLE("true"),
    {.name = "few_shot",
     .type = KARMA_OPTION_BOOL,
     .default_json = "false",
     .help = "the input is the whole prompt: no chat template"},
    {.name = "text_only",
     .type = KARMA_OPTION_BOOL,
     .default_json = "null",
     .nullable = true,
     .help = "use the text part alone; images are not read either way"},
    {.name = NULL},
};

static const char *const gemma_aliases[] = {"GemmaHFLLM", "karma.models.gemma_hf.GemmaHFLLM", NULL};

static const karma_model_class class_gemma = {
    CLASS_HEAD,
    .name = "GemmaModel",
    .aliases = gemma_aliases,
    .options = gemma_options,
    .help = "Gemma 3 and the MedGemma checkpoints on its general loader; text part",
    .preprocess = few_shot_preprocess,
    .postprocess = channel_postprocess,
};

/* Direct construction differs from GemmaModel in these two defaults upstream. */
static const karma_option_spec medgemma_options[] = {
    OPTION_TEMPERATURE("0.7"),
    OPTION_TOP_K("null"),
    {.name = NULL},
};

static const char *const medgemma_aliases[] = {"MedGemmaLLM", "karma.models.medgemma.MedGemmaLLM",
                                               NULL};

static const karma_model_class class_medgemma = {
    CLASS_HEAD,           .name = "MedGemmaModel",     .aliases = medgemma_aliases,
    .base = &class_gemma, .options = medgemma_options, .help = "MedGemma 4B; text part",
};

static const char *const parrotlet_aliases[] = {"karma.models.parrotlet_v.ParrotletVLiteLLM", NULL};

static const karma_model_class class_parrotlet = {
    CLASS_HEAD,
    .name = "ParrotletVLiteLLM",
    .aliases = parrotlet_aliases,
    .base = &class_medgemma,
    .help = "a fine-tuned MedGemma 4B; text part",
};

static const karma_model_class class_llama = {
    CLASS_HEAD,
    .name = "LlamaModel",
    .help = "Llama and what is built like it: SmolLM2, TinyLlama",
};

static const char *const decodings[] = {"ctc", "rnnt", NULL};
static const karma_option_spec conformer_options[] = {
    {.name = "language",
     .type = KARMA_OPTION_STRING,
     .default_json = "\"hi\"",
     .help = "language of the speech, where a sample does not say"},
    {.name = "decoding_method",
     .type = KARMA_OPTION_STRING,
     .default_json = "\"ctc\"",
     .choices = decodings,
     .help = "which head decodes"},
    {.name = "target_sample_rate",
     .type = KARMA_OPTION_INT,
     .default_json = "16000",
     .min = 1000,
     .max = 384000,
     .help = "Hz that the model hears"},
    {.name = NULL},
};

static const char *const conformer_aliases[] = {"karma.models.indic_conformer.IndicConformerASR",
                                                NULL};

static const karma_model_class class_conformer = {
    CLASS_HEAD,
    .name = "IndicConformerASR",
    .aliases = conformer_aliases,
    .options = conformer_options,
    .help = "speech recognition for 22 Indian languages; known by metadata only",
    .load = speech_load,
};

static const char *const poolings[] = {"mean", "cls", "eos", NULL};
static const char *const scores[] = {"cos_sim", "dot_product", NULL};
static const karma_option_spec embedding_options[] = {
    {.name = "max_length",
     .type = KARMA_OPTION_INT,
     .default_json = "60",
     .min = 1,
     .max = 1 << 20,
     .help = "tokens of a text that count"},
    {.name = "k_values",
     .type = KARMA_OPTION_JSON,
     .default_json = "[1, 3, 5]",
     .help = "ranks scored"},
    {.name = "quantization",
     .type = KARMA_OPTION_JSON,
     .default_json = "null",
     .help = "upstream's switch for 4-bit weights"},
    {.name = "pooling",
     .type = KARMA_OPTION_STRING,
     .default_json = "\"mean\"",
     .choices = poolings,
     .help = "how token vectors become one"},
    {.name = "score",
     .type = KARMA_OPTION_STRING,
     .default_json = "\"cos_sim\"",
     .choices = scores,
     .help = "how two vectors are compared"},
    {.name = NULL},
};

static const char *const embedding_aliases[] = {
    "karma.models.hf_embedding_model.HFEmbeddingBaseModel", NULL};

static const karma_model_class class_embedding = {
    CLASS_HEAD,
    .name = "HFEmbeddingBaseModel",
    .aliases = embedding_aliases,
    .options = embedding_options,
    .help = "text embeddings; known by metadata only",
    .load = embedding_load,
};

const karma_model_class *const catalog_classes[] = {
    &class_base,      &class_qwen,      &class_gemma,
    &class_medgemma,  &class_parrotlet, &class_llama,
    &class_conformer, &class_embedding, NULL,
};

const karma_model_class *catalog_class_of_family(const char *family) {
    static const struct {
        const char *family;
        const karma_model_class *cls;
    } classes[] = {{"qwen3", &class_qwen}, {"gemma3", &class_gemma}, {"llama", &class_llama}};
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
        if (strcmp(classes[i].family, family) == 0) return classes[i].cls;
    return &class_base;
}

/* ---- metadata ---- */

static const char *const transformers[] = {"PyTorch", "Transformers", NULL};

/* Upstream's values for its registered entries; direct construction has the class's own. */
#define QWEN_KWARGS                                                                                \
    "{\"temperature\": 0.7, \"top_k\": 50, \"top_p\": 0.9, \"enable_thinking\": true, "            \
    "\"max_tokens\": 32768}"
#define GEMMA_KWARGS                                                                               \
    "\"max_new_tokens\": 1024, \"temperature\": 0.01, \"top_p\": 0.9, \"top_k\": 50, "             \
    "\"few_shot\": false, \"do_sample\": true"

static const karma_model_meta qwen3_0_6b = {
    .name = "Qwen/Qwen3-0.6B",
    .reference = "https://huggingface.co/Qwen/Qwen3-0.6B",
    .description = "Qwen3 0.6B, thinks before it answers",
    .loader_class = "karma.models.qwen.QwenThinkingLLM",
    .loader_kwargs_json = QWEN_KWARGS,
    .model_type = KARMA_TEXT_GENERATION,
    .modalities = KARMA_TEXT,
    .release_date = "2025-04-29",
    .n_parameters = 596049920,
    .memory_usage_mb = 1137,
    .max_tokens = 40960,
    .embed_dim = 1024,
    .framework = transformers,
};

static const karma_model_meta qwen3_1_7b = {
    .name = "Qwen/Qwen3-1.7B",
    .reference = "https://huggingface.co/Qwen/Qwen3-1.7B",
    .description = "Qwen3 1.7B, thinks before it answers",
    .loader_class = "karma.models.qwen.QwenThinkingLLM",
    .loader_kwargs_json = QWEN_KWARGS,
    .model_type = KARMA_TEXT_GENERATION,
    .modalities = KARMA_TEXT,
    .release_date = "2025-04-29",
    .n_parameters = 1720574976,
    .memory_usage_mb = 3282,
    .max_tokens = 40960,
    .embed_dim = 2048,
    .framework = transformers,
};

static const karma_model_meta qwen3_4b = {
    .name = "Qwen/Qwen3-4B",
    .reference = "https://huggingface.co/Qwen/Qwen3-4B",
    .description = "Qwen3 4B, thinks before it answers",
    .loader_class = "karma.models.qwen.QwenThinkingLLM",
    .loader_kwargs_json = QWEN_KWARGS,
    .model_type = KARMA_TEXT_GENERATION,
    .modalities = KARMA_TEXT,
    .release_date = "2025-04-29",
    .n_parameters = 4022468096,
    .memory_usage_mb = 7672,
    .max_tokens = 40960,
    .embed_dim = 2560,
    .framework = transformers,
};

static const karma_model_meta qwen3_8b = {
    .name = "Qwen/Qwen3-8B",
    .reference = "https://huggingface.co/Qwen/Qwen3-8B",
    .description = "Qwen3 8B, thinks before it answers",
    .loader_class = "karma.models.qwen.QwenThinkingLLM",
    .loader_kwargs_json = QWEN_KWARGS,
    .model_type = KARMA_TEXT_GENERATION,
    .modalities = KARMA_TEXT,
    .release_date = "2025-04-29",
    .n_parameters = 8190735360,
    .memory_usage_mb = 15623,
    .max_tokens = 40960,
    .embed_dim = 4096,
    .framework = transformers,
};

static const karma_model_meta gemma3_270m = {
    .name = "google/gemma-3-270m",
    .reference = "https://huggingface.co/google/gemma-3-270m",
    .description = "Gemma 3 270M, pre-trained: continues text",
    .loader_class = "karma.models.gemma_hf.GemmaHFLLM",
    .loader_kwargs_json = "{" GEMMA_KWARGS ", \"text_only\": true}",
    .model_type = KARMA_TEXT_GENERATION,
    .modalities = KARMA_TEXT,
    .release_date = "2025-08-14",
    .n_parameters = 268098176,
    .memory_usage_mb = 511,
    .max_tokens = 32768,
    .embed_dim = 640,
    .framework = transformers,
};

static const karma_model_meta gemma3_270m_it = {
    .name = "google/gemma-3-270m-it",
    .reference = "https://huggingface.co/google/gemma-3-270m-it",
    .description = "Gemma 3 270M, instruction-tuned",
    .loader_class = "karma.models.gemma_hf.GemmaHFLLM",
    .loader_kwargs_json = "{" GEMMA_KWARGS ", \"text_only\": true}",
    .model_type = KARMA_TEXT_GENERATION,
    .modalities = KARMA_TEXT,
    .release_date = "2025-08-14",
    .n_parameters = 268098176,
    .memory_usage_mb = 511,
    .max_tokens = 32768,
    .embed_dim = 640,
    .framework = transformers,
};

static const karma_model_meta gemma3_1b_it = {
    .name = "google/gemma-3-1b-it",
    .reference = "https://huggingface.co/google/gemma-3-1b-it",
    .description = "Gemma 3 1B, instruction-tuned",
    .loader_class = "karma.models.gemma_hf.GemmaHFLLM",
    .loader_kwargs_json = "{" GEMMA_KWARGS ", \"text_only\": true}",
    .model_type = KARMA_TEXT_GENERATION,
    .modalities = KARMA_TEXT,
    .release_date = "2025-03-12",
    .n_parameters = 999885952,
    .memory_usage_mb = 1907,
    .max_tokens = 32768,
    .embed_dim = 1152,
    .framework = transformers,
};

static const karma_model_meta gemma3_4b_it = {
    .name = "google/gemma-3-4b-it",
    .reference = "https://huggingface.co/google/gemma-3-4b-it",
    .description = "Gemma 3 4B, instruction-tuned (text + vision)",
    .loader_class = "karma.models.gemma_hf.GemmaHFLLM",
    .loader_kwargs_json = "{" GEMMA_KWARGS "}",
    .model_type = KARMA_TEXT_GENERATION,
    .modalities = KARMA_TEXT | KARMA_IMAGE,
    .release_date = "2025-03-12",
    .n_parameters = 4300079472,
    .memory_usage_mb = 8202,
    .max_tokens = 131072,
    .embed_dim = 2560,
    .framework = transformers,
};

static const karma_model_meta gemma3_27b_it = {
    .name = "google/gemma-3-27b-it",
    .reference = "https://huggingface.co/google/gemma-3-27b-it",
    .description = "Gemma 3 27B, instruction-tuned (text + vision)",
    .loader_class = "karma.models.gemma_hf.GemmaHFLLM",
    .loader_kwargs_json = "{" GEMMA_KWARGS "}",
    .model_type = KARMA_TEXT_GENERATION,
    .modalities = KARMA_TEXT | KARMA_IMAGE,
    .release_date = "2025-03-12",
    .n_parameters = 27432406640,
    .memory_usage_mb = 52323,
    .max_tokens = 131072,
    .embed_dim = 5376,
    .framework = transformers,
};

static const karma_model_meta medgemma_4b_it = {
    .name = "google/medgemma-4b-it",
    .reference = "https://huggingface.co/google/medgemma-4b-it",
    .description = "MedGemma 4B, instruction-tuned (text + vision)",
    .loader_class = "karma.models.medgemma.MedGemmaLLM",
    .loader_kwargs_json = "{" GEMMA_KWARGS "}",
    .model_type = KARMA_TEXT_GENERATION,
    .modalities = KARMA_TEXT | KARMA_IMAGE,
    .release_date = "2025-05-20",
    .n_parameters = 4300079472,
    .memory_usage_mb = 8202,
    .max_tokens = 131072,
    .embed_dim = 2560,
    .framework = transformers,
};

static const karma_model_meta medgemma_1_5_4b_it = {
    .name = "google/medgemma-1.5-4b-it",
    .reference = "https://huggingface.co/google/medgemma-1.5-4b-it",
    .description = "MedGemma 1.5 4B, instruction-tuned (text + vision)",
    .loader_class = "karma.models.gemma_hf.GemmaHFLLM",
    .loader_kwargs_json = "{" GEMMA_KWARGS "}",
    .model_type = KARMA_TEXT_GENERATION,
    .modalities = KARMA_TEXT | KARMA_IMAGE,
    .n_parameters = 4300079472,
    .memory_usage_mb = 8202,
    .max_tokens = 131072,
    .embed_dim = 2560,
    .framework = transformers,
};

static const karma_model_meta medgemma_27b_text_it = {
    .name = "google/medgemma-27b-text-it",
    .reference = "https://huggingface.co/google/medgemma-27b-text-it",
    .description = "MedGemma 27B, instruction-tuned, text only",
    .loader_class = "karma.models.gemma_hf.GemmaHFLLM",
    .loader_kwargs_json = "{" GEMMA_KWARGS ", \"text_only\": true}",
    .model_type = KARMA_TEXT_GENERATION,
    .modalities = KARMA_TEXT,
    .release_date = "2025-05-20",
    .n_parameters = 27009002240,
    .memory_usage_mb = 51516,
    .max_tokens = 131072,
    .embed_dim = 5376,
    .framework = transformers,
};

static const karma_model_meta medgemma_27b_it = {
    .name = "google/medgemma-27b-it",
    .reference = "https://huggingface.co/google/medgemma-27b-it",
    .description = "MedGemma 27B, instruction-tuned (text + vision)",
    .loader_class = "karma.models.gemma_hf.GemmaHFLLM",
    .loader_kwargs_json = "{" GEMMA_KWARGS "}",
    .model_type = KARMA_TEXT_GENERATION,
    .modalities = KARMA_TEXT | KARMA_IMAGE,
    .n_parameters = 27432406640,
    .memory_usage_mb = 52323,
    .max_tokens = 131072,
    .embed_dim = 5376,
    .framework = transformers,
};

static const karma_model_meta parrotlet_v_lite_4b = {
    .name = "ekacare/parrotlet-v-lite-4b",
    .reference = "https://huggingface.co/ekacare/parrotlet-v-lite-4b",
    .description = "Parrotlet-V-lite 4B: MedGemma 4B fine-tuned on medical records",
    .loader_class = "karma.models.parrotlet_v.ParrotletVLiteLLM",
    .loader_kwargs_json =
        "{\"max_tokens\": 1024, \"temperature\": 0.01, \"top_p\": 0.9, \"top_k\": 50}",
    .model_type = KARMA_TEXT_GENERATION,
    .modalities = KARMA_TEXT | KARMA_IMAGE,
    .n_parameters = 4300079472,
    .memory_usage_mb = 8202,
    .max_tokens = 131072,
    .embed_dim = 2560,
    .framework = transformers,
};

static const karma_model_meta smollm2_135m = {
    .name = "HuggingFaceTB/SmolLM2-135M-Instruct",
    .reference = "https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct",
    .description = "SmolLM2 135M, instruction-tuned",
    .loader_class = "LlamaModel",
    .model_type = KARMA_TEXT_GENERATION,
    .modalities = KARMA_TEXT,
    .release_date = "2024-11-01",
    .n_parameters = 134515008,
    .memory_usage_mb = 257,
    .max_tokens = 8192,
    .embed_dim = 576,
    .framework = transformers,
};

static const char *const indic_languages[] = {"hin-Deva", "ben-Beng", "tam-Taml",
                                              "tel-Telu", "mar-Deva", NULL};

static const karma_model_meta indic_conformer = {
    .name = "ai4bharat/indic-conformer-600m-multilingual",
    .reference = "https://huggingface.co/ai4bharat/indic-conformer-600m-multilingual",
    .description = "Multilingual Conformer ASR model for Indian languages",
    .loader_class = "karma.models.indic_conformer.IndicConformerASR",
    .loader_kwargs_json = "{\"language\": \"hi\", \"device\": \"cpu\", \"decoding_method\": "
                          "\"ctc\", \"target_sample_rate\": 16000}",
    .default_eval_kwargs_json = "{\"language\": \"hi\", \"decoding_method\": \"ctc\"}",
    .model_type = KARMA_AUDIO_RECOGNITION,
    .modalities = KARMA_AUDIO,
    .languages = indic_languages,
    .release_date = "2023-06-15",
    .version = "1.0",
    .n_parameters = 628300000, /* to four figures */
    .memory_usage_mb = 2397,   /* f32 */
    .embed_dim = 1024,
};

static const karma_model_meta minilm = {
    .name = "sentence-transformers/all-MiniLM-L6-v2",
    .reference = "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2",
    .description = "MiniLM L6, English sentence embeddings",
    .loader_class = "karma.models.hf_embedding_model.HFEmbeddingBaseModel",
    .loader_kwargs_json = "{\"max_length\": 256}",
    .model_type = KARMA_EMBEDDING,
    .modalities = KARMA_TEXT,
    .n_parameters = 22713216,
    .memory_usage_mb = 87, /* f32 */
    .max_tokens = 512,
    .embed_dim = 384,
    .framework = transformers,
};

const karma_model_meta *const catalog_metas[] = {
    &qwen3_0_6b,
    &qwen3_1_7b,
    &qwen3_4b,
    &qwen3_8b,
    &gemma3_270m,
    &gemma3_270m_it,
    &gemma3_1b_it,
    &gemma3_4b_it,
    &gemma3_27b_it,
    &medgemma_4b_it,
    &medgemma_1_5_4b_it,
    &medgemma_27b_text_it,
    &medgemma_27b_it,
    &parrotlet_v_lite_4b,
    &smollm2_135m,
    &indic_conformer,
    &minilm,
    NULL,
};
