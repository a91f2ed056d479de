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
    {.name = "thinking_budget",
     .type = KARMA_OPTION_INT,
     .default_json = "null",
     .min = 0,
     .max = 1 << 24,
     .nullable = true,
     .help = "tokens of thought at most, then the answer is begun for it; null: no bound"},
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
     .help = "the input is the whole prompt: no chat template; images stand where it marks them"},
    {.name = "enable_thinking",
     .type = KARMA_OPTION_BOOL,
     .default_json = "null",
     .nullable = true,
     .help = "put the instruction to think silently before the system prompt (MedGemma 27B); "
             "thought and answer come back apart"},
    {.name = "keep_thought_markers",
     .type = KARMA_OPTION_BOOL,
     .default_json = "false",
     .help = "leave thought and its marks in the answer, as upstream does"},
    {.name = NULL},
};

static const char *const gemma_aliases[] = {"GemmaHFLLM", "karma.models.gemma_hf.GemmaHFLLM", NULL};

static const karma_model_class class_gemma = {
    CLASS_HEAD,
    .name = "GemmaModel",
    .aliases = gemma_aliases,
    .base = &class_vision,
    .options = gemma_options,
    .help = "Gemma 3 and the MedGemma checkpoints on its general loader: text and images",
    .preprocess = channel_preprocess,
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
    .base = &class_gemma, .options = medgemma_options, .help = "MedGemma 4B: text and images",
};

static const char *const parrotlet_aliases[] = {"karma.models.parrotlet_v.ParrotletVLiteLLM", NULL};

static const karma_model_class class_parrotlet = {
    CLASS_HEAD,
    .name = "ParrotletVLiteLLM",
    .aliases = parrotlet_aliases,
    .base = &class_medgemma,
    .help = "a fine-tuned MedGemma 4B: text and images",
};

static const karma_model_class class_llama = {
    CLASS_HEAD,
    .name = "LlamaModel",
    .help = "Llama and what is built like it: SmolLM2, TinyLlama",
};

static const char *const decodings[] = {"ctc", "rnnt", NULL};
static const char *const timestamp_units[] = {"none", "word", "token", NULL};
static const char *const chunk_modes[] = {"auto", "off", NULL};
static const karma_option_spec conformer_options[] = {
    {.name = "language",
     .type = KARMA_OPTION_STRING,
     .default_json = "\"hi\"",
     .help = "language of the speech where a sample does not say: a code (hi, sat), hi-IN, hin, "
             "Hindi; auto: the one whose text is the likeliest"},
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
     .help = "Hz that the model hears; files of any rate are resampled to it"},
    {.name = "beam",
     .type = KARMA_OPTION_INT,
     .default_json = "null",
     .min = 1,
     .max = 256,
     .nullable = true,
     .help = "texts kept in the search; 1 is greedy; null: 1, with hotwords 20"},
    {.name = "hotwords",
     .type = KARMA_OPTION_JSON,
     .default_json = "null",
     .help = "a list of words or phrases to prefer, such as names of drugs"},
    {.name = "hotword_weight",
     .type = KARMA_OPTION_REAL,
     .default_json = "3.0",
     .min = 0,
     .max = 100,
     .help = "what each token of such a word adds to the log-probability of a text"},
    {.name = "timestamps",
     .type = KARMA_OPTION_STRING,
     .default_json = "\"none\"",
     .choices = timestamp_units,
     .help = "give begin, end and confidence of each word or token beside the text"},
    {.name = "chunk",
     .type = KARMA_OPTION_STRING,
     .default_json = "\"auto\"",
     .choices = chunk_modes,
     .help = "auto: recordings longer than chunk_s and 5 s are cut at pauses; off: one pass, "
             "whatever the length"},
    {.name = "chunk_s",
     .type = KARMA_OPTION_REAL,
     .default_json = "25.0",
     .min = 10,
     .max = 600,
     .help = "longest piece of a recording that is cut, in seconds"},
    {.name = "drop_unk",
     .type = KARMA_OPTION_BOOL,
     .default_json = "false",
     .help = "leave the piece of what is unknown (unk) out of texts"},
    {.name = "compat_language",
     .type = KARMA_OPTION_BOOL,
     .default_json = "false",
     .help = "read a sample's language by its first two letters, as upstream does (Santali is "
             "then Sanskrit)"},
    {.name = "max_sequences",
     .type = KARMA_OPTION_INT,
     .default_json = "16",
     .min = 1,
     .max = 1024,
     .help = "pieces of sound computed at once (the batch size); changes speed, never a text"},
    {.name = NULL},
};

static const char *const conformer_aliases[] = {"karma.models.indic_conformer.IndicConformerASR",
                                                NULL};

static const karma_model_class class_conformer = {
    CLASS_HEAD,
    .name = "IndicConformerASR",
    .aliases = conformer_aliases,
    .options = conformer_options,
    .help = "speech recognition for 22 Indian languages, by CTC or RNN-T",
    .load = speech_load,
    .run = speech_run,
    .unload = speech_unload,
};

static const char *const poolings[] = {
    "mean",         "cls", "eos", "lasttoken", "max", "mean_sqrt_len", "mean_sqrt_len_tokens",
    "weightedmean", NULL};
static const char *const scores[] = {"cos_sim",   "dot_product", "cosine", "dot",
                                     "euclidean", "manhattan",   NULL};
static const char *const module_modes[] = {"auto", "ignore", NULL};

#define OPTION_MODULES(value)                                                                      \
    {                                                                                              \
        .name = "modules", .type = KARMA_OPTION_STRING, .default_json = value,                     \
        .choices = module_modes,                                                                   \
        .help = "auto: pooling, dense layers, normalisation, prompts and length as the files of "  \
                "sentence-transformers say; ignore: as if there were none"                         \
    }
#define OPTION_POOLING(value)                                                                      \
    {                                                                                              \
        .name = "pooling", .type = KARMA_OPTION_STRING, .default_json = value, .nullable = true,   \
        .choices = poolings,                                                                       \
        .help = "how token vectors become one; null: as modules.json says, else mean"              \
    }
#define OPTION_K_VALUES(value)                                                                     \
    {                                                                                              \
        .name = "k_values", .type = KARMA_OPTION_JSON, .default_json = value,                      \
        .help = "ranks that are scored; the largest is how many documents a ranking names"         \
    }

static const karma_option_spec embedding_options[] = {
    OPTION_MODULES("\"auto\""),
    OPTION_POOLING("null"),
    {.name = "max_length",
     .type = KARMA_OPTION_INT,
     .default_json = "null",
     .min = 1,
     .max = 1 << 24,
     .nullable = true,
     .help = "tokens of a text that count, special ones included; null: as the checkpoint says"},
    {.name = "normalize",
     .type = KARMA_OPTION_BOOL,
     .default_json = "null",
     .nullable = true,
     .help = "vectors of unit length; null: as modules.json says"},
    {.name = "truncate_dim",
     .type = KARMA_OPTION_INT,
     .default_json = "null",
     .min = 1,
     .max = 1 << 20,
     .nullable = true,
     .help = "leading components kept; null: as the checkpoint says, else all"},
    {.name = "prompt",
     .type = KARMA_OPTION_STRING,
     .default_json = "null",
     .nullable = true,
     .help = "put before every text; of a corpus, before the queries"},
    {.name = "prompt_name",
     .type = KARMA_OPTION_STRING,
     .default_json = "null",
     .nullable = true,
     .help = "the same by the name the checkpoint has for it; null: its default one"},
    {.name = "prompts",
     .type = KARMA_OPTION_JSON,
     .default_json = "null",
     .help = "an object of prompts by name, over those of the checkpoint"},
    {.name = "use_prompts",
     .type = KARMA_OPTION_BOOL,
     .default_json = "true",
     .help = "with a corpus: the prompt \"query\" before samples, \"document\" (passage, corpus) "
             "before documents, where there are such"},
    {.name = "score_function",
     .type = KARMA_OPTION_STRING,
     .default_json = "null",
     .nullable = true,
     .choices = scores,
     .help = "how two vectors are compared; null: as the checkpoint says, else cosine"},
    OPTION_K_VALUES("[1, 3, 5, 10]"),
    {.name = "strip",
     .type = KARMA_OPTION_BOOL,
     .default_json = "true",
     .help = "take white space off both ends of a text, as sentence-transformers did up to 5.x"},
    {.name = "quantization",
     .type = KARMA_OPTION_JSON,
     .default_json = "null",
     .help = "upstream's switch for 4-bit weights; null alone: karma computes weights as stored"},
    {.name = "max_sequences",
     .type = KARMA_OPTION_INT,
     .default_json = "32",
     .min = 1,
     .max = 1024,
     .help = "texts of a run computed at once (the batch size); changes speed, never a vector"},
    {.name = NULL},
};

static const char *const embedding_aliases[] = {"karma.models.embedding.EmbeddingModel", NULL};

static const karma_model_class class_embedding = {
    CLASS_HEAD,
    .name = "EmbeddingModel",
    .aliases = embedding_aliases,
    .options = embedding_options,
    .help = "vectors of texts, as the checkpoint's sentence-transformers files say",
    .load = embedding_load,
    .preprocess = embedding_preprocess,
    .run = embedding_run,
    .embed = embedding_embed,
    .embedding_dim = embedding_embedding_dim,
    .unload = embedding_unload,
};

/* Upstream's class reads none of sentence-transformers' files. */
static const karma_option_spec hf_embedding_options[] = {
    OPTION_MODULES("\"ignore\""),
    OPTION_POOLING("\"mean\""),
    {.name = NULL},
};

static const char *const hf_embedding_aliases[] = {
    "karma.models.hf_embedding_model.HFEmbeddingBaseModel", NULL};

static const karma_model_class class_hf_embedding = {
    CLASS_HEAD,
    .name = "HFEmbeddingBaseModel",
    .aliases = hf_embedding_aliases,
    .base = &class_embedding,
    .options = hf_embedding_options,
    .help = "vectors of texts as upstream makes them: pooled, no prompt, no dense layer",
};

const karma_model_class *const catalog_classes[] = {
    &class_base,      &class_qwen,         &class_vision, &class_gemma,
    &class_medgemma,  &class_parrotlet,    &class_llama,  &class_conformer,
    &class_embedding, &class_hf_embedding, NULL,
};

const karma_model_class *const catalog_embedding_class = &class_embedding;

const karma_model_class *catalog_class_of_family(const char *family) {
    static const struct {
        const char *family;
        const karma_model_class *cls;
    } classes[] = {{"qwen3", &class_qwen},
                   {"gemma3", &class_gemma},
                   {"llama", &class_llama},
                   {"indic_conformer", &class_conformer}};
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

static const char *const sentence_transformers[] = {"PyTorch", "Transformers",
                                                    "Sentence-Transformers", NULL};

/* Prompts that these checkpoints were trained with and whose folders do not list them. */
#define BGE_KWARGS                                                                                 \
    "{\"prompts\": {\"query\": \"Represent this sentence for searching relevant passages: \"}}"
#define E5_KWARGS "{\"prompts\": {\"query\": \"query: \", \"passage\": \"passage: \"}}"
/* Its folder has no modules.json; its authors take the first token. */
#define SAPBERT_KWARGS "{\"pooling\": \"cls\"}"
#define UPSTREAM_EMBEDDING_KWARGS                                                                  \
    "{\"max_length\": 60, \"k_values\": [1, 3, 5], \"quantization\": null, \"pooling\": "          \
    "\"mean\", "                                                                                   \
    "\"modules\": \"ignore\", \"score_function\": \"cos_sim\"}"

static const karma_model_meta minilm_l6 = {
    .name = "sentence-transformers/all-MiniLM-L6-v2",
    .reference = "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2",
    .description = "MiniLM L6, English sentence embeddings",
    .loader_class = "EmbeddingModel",
    .model_type = KARMA_EMBEDDING,
    .modalities = KARMA_TEXT,
    .n_parameters = 22713216,
    .memory_usage_mb = 87,
    .max_tokens = 256,
    .embed_dim = 384,
    .framework = sentence_transformers,
};

static const karma_model_meta minilm_l12 = {
    .name = "sentence-transformers/all-MiniLM-L12-v2",
    .reference = "https://huggingface.co/sentence-transformers/all-MiniLM-L12-v2",
    .description = "MiniLM L12, English sentence embeddings",
    .loader_class = "EmbeddingModel",
    .model_type = KARMA_EMBEDDING,
    .modalities = KARMA_TEXT,
    .n_parameters = 33360000,
    .memory_usage_mb = 127,
    .max_tokens = 128,
    .embed_dim = 384,
    .framework = sentence_transformers,
};

static const karma_model_meta bge_small = {
    .name = "BAAI/bge-small-en-v1.5",
    .reference = "https://huggingface.co/BAAI/bge-small-en-v1.5",
    .description = "BGE small 1.5, English retrieval",
    .loader_class = "EmbeddingModel",
    .loader_kwargs_json = BGE_KWARGS,
    .model_type = KARMA_EMBEDDING,
    .modalities = KARMA_TEXT,
    .n_parameters = 33360000,
    .memory_usage_mb = 127,
    .max_tokens = 512,
    .embed_dim = 384,
    .framework = sentence_transformers,
};

static const karma_model_meta bge_base = {
    .name = "BAAI/bge-base-en-v1.5",
    .reference = "https://huggingface.co/BAAI/bge-base-en-v1.5",
    .description = "BGE base 1.5, English retrieval",
    .loader_class = "EmbeddingModel",
    .loader_kwargs_json = BGE_KWARGS,
    .model_type = KARMA_EMBEDDING,
    .modalities = KARMA_TEXT,
    .n_parameters = 109482240,
    .memory_usage_mb = 418,
    .max_tokens = 512,
    .embed_dim = 768,
    .framework = sentence_transformers,
};

static const karma_model_meta bge_large = {
    .name = "BAAI/bge-large-en-v1.5",
    .reference = "https://huggingface.co/BAAI/bge-large-en-v1.5",
    .description = "BGE large 1.5, English retrieval",
    .loader_class = "EmbeddingModel",
    .loader_kwargs_json = BGE_KWARGS,
    .model_type = KARMA_EMBEDDING,
    .modalities = KARMA_TEXT,
    .n_parameters = 335141888,
    .memory_usage_mb = 1278,
    .max_tokens = 512,
    .embed_dim = 1024,
    .framework = sentence_transformers,
};

static const karma_model_meta bge_m3 = {
    .name = "BAAI/bge-m3",
    .reference = "https://huggingface.co/BAAI/bge-m3",
    .description = "BGE M3, retrieval in a hundred languages; dense vectors",
    .loader_class = "EmbeddingModel",
    .model_type = KARMA_EMBEDDING,
    .modalities = KARMA_TEXT,
    .n_parameters = 567754752,
    .memory_usage_mb = 2166,
    .max_tokens = 8192,
    .embed_dim = 1024,
    .framework = sentence_transformers,
};

static const karma_model_meta e5_small = {
    .name = "intfloat/e5-small-v2",
    .reference = "https://huggingface.co/intfloat/e5-small-v2",
    .description = "E5 small 2, English retrieval",
    .loader_class = "EmbeddingModel",
    .loader_kwargs_json = E5_KWARGS,
    .model_type = KARMA_EMBEDDING,
    .modalities = KARMA_TEXT,
    .n_parameters = 33360000,
    .memory_usage_mb = 127,
    .max_tokens = 512,
    .embed_dim = 384,
    .framework = sentence_transformers,
};

static const karma_model_meta e5_base = {
    .name = "intfloat/e5-base-v2",
    .reference = "https://huggingface.co/intfloat/e5-base-v2",
    .description = "E5 base 2, English retrieval",
    .loader_class = "EmbeddingModel",
    .loader_kwargs_json = E5_KWARGS,
    .model_type = KARMA_EMBEDDING,
    .modalities = KARMA_TEXT,
    .n_parameters = 109482240,
    .memory_usage_mb = 418,
    .max_tokens = 512,
    .embed_dim = 768,
    .framework = sentence_transformers,
};

static const karma_model_meta e5_large = {
    .name = "intfloat/e5-large-v2",
    .reference = "https://huggingface.co/intfloat/e5-large-v2",
    .description = "E5 large 2, English retrieval",
    .loader_class = "EmbeddingModel",
    .loader_kwargs_json = E5_KWARGS,
    .model_type = KARMA_EMBEDDING,
    .modalities = KARMA_TEXT,
    .n_parameters = 335141888,
    .memory_usage_mb = 1278,
    .max_tokens = 512,
    .embed_dim = 1024,
    .framework = sentence_transformers,
};

static const karma_model_meta multilingual_e5_small = {
    .name = "intfloat/multilingual-e5-small",
    .reference = "https://huggingface.co/intfloat/multilingual-e5-small",
    .description = "E5 small, a hundred languages",
    .loader_class = "EmbeddingModel",
    .loader_kwargs_json = E5_KWARGS,
    .model_type = KARMA_EMBEDDING,
    .modalities = KARMA_TEXT,
    .n_parameters = 117653760,
    .memory_usage_mb = 449,
    .max_tokens = 512,
    .embed_dim = 384,
    .framework = sentence_transformers,
};

static const karma_model_meta multilingual_e5_base = {
    .name = "intfloat/multilingual-e5-base",
    .reference = "https://huggingface.co/intfloat/multilingual-e5-base",
    .description = "E5 base, a hundred languages",
    .loader_class = "EmbeddingModel",
    .loader_kwargs_json = E5_KWARGS,
    .model_type = KARMA_EMBEDDING,
    .modalities = KARMA_TEXT,
    .n_parameters = 278043648,
    .memory_usage_mb = 1061,
    .max_tokens = 512,
    .embed_dim = 768,
    .framework = sentence_transformers,
};

static const karma_model_meta multilingual_e5_large = {
    .name = "intfloat/multilingual-e5-large",
    .reference = "https://huggingface.co/intfloat/multilingual-e5-large",
    .description = "E5 large, a hundred languages",
    .loader_class = "EmbeddingModel",
    .loader_kwargs_json = E5_KWARGS,
    .model_type = KARMA_EMBEDDING,
    .modalities = KARMA_TEXT,
    .n_parameters = 559890432,
    .memory_usage_mb = 2136,
    .max_tokens = 512,
    .embed_dim = 1024,
    .framework = sentence_transformers,
};

static const karma_model_meta qwen3_embedding_0_6b = {
    .name = "Qwen/Qwen3-Embedding-0.6B",
    .reference = "https://huggingface.co/Qwen/Qwen3-Embedding-0.6B",
    .description = "Qwen3 Embedding 0.6B: retrieval in a hundred languages",
    .loader_class = "EmbeddingModel",
    .model_type = KARMA_EMBEDDING,
    .modalities = KARMA_TEXT,
    .release_date = "2025-06-05",
    .n_parameters = 595776512,
    .memory_usage_mb = 1136,
    .max_tokens = 32768,
    .embed_dim = 1024,
    .framework = sentence_transformers,
};

static const karma_model_meta qwen3_embedding_4b = {
    .name = "Qwen/Qwen3-Embedding-4B",
    .reference = "https://huggingface.co/Qwen/Qwen3-Embedding-4B",
    .description = "Qwen3 Embedding 4B: retrieval in a hundred languages",
    .loader_class = "EmbeddingModel",
    .model_type = KARMA_EMBEDDING,
    .modalities = KARMA_TEXT,
    .release_date = "2025-06-05",
    .n_parameters = 4021774336,
    .memory_usage_mb = 7671,
    .max_tokens = 40960,
    .embed_dim = 2560,
    .framework = sentence_transformers,
};

static const karma_model_meta qwen3_embedding_8b = {
    .name = "Qwen/Qwen3-Embedding-8B",
    .reference = "https://huggingface.co/Qwen/Qwen3-Embedding-8B",
    .description = "Qwen3 Embedding 8B: retrieval in a hundred languages",
    .loader_class = "EmbeddingModel",
    .model_type = KARMA_EMBEDDING,
    .modalities = KARMA_TEXT,
    .release_date = "2025-06-05",
    .n_parameters = 7567295488,
    .memory_usage_mb = 14433,
    .max_tokens = 40960,
    .embed_dim = 4096,
    .framework = sentence_transformers,
};

static const karma_model_meta embeddinggemma_300m = {
    .name = "google/embeddinggemma-300m",
    .reference = "https://huggingface.co/google/embeddinggemma-300m",
    .description = "EmbeddingGemma 300M: retrieval in a hundred languages",
    .loader_class = "EmbeddingModel",
    .model_type = KARMA_EMBEDDING,
    .modalities = KARMA_TEXT,
    .release_date = "2025-09-04",
    .n_parameters = 307581696,
    .memory_usage_mb = 1173,
    .max_tokens = 2048,
    .embed_dim = 768,
    .framework = sentence_transformers,
};

static const karma_model_meta sapbert = {
    .name = "cambridgeltl/SapBERT-from-PubMedBERT-fulltext",
    .reference = "https://huggingface.co/cambridgeltl/SapBERT-from-PubMedBERT-fulltext",
    .description = "SapBERT: names of biomedical concepts",
    .loader_class = "EmbeddingModel",
    .loader_kwargs_json = SAPBERT_KWARGS,
    .model_type = KARMA_EMBEDDING,
    .modalities = KARMA_TEXT,
    .n_parameters = 109482240,
    .memory_usage_mb = 418,
    .max_tokens = 512,
    .embed_dim = 768,
    .framework = sentence_transformers,
};

static const karma_model_meta parrotlet_e = {
    .name = "ekacare/parrotlet-e",
    .reference = "https://huggingface.co/ekacare/parrotlet-e",
    .description = "Parrotlet-e: medical terms in English and Indian languages",
    .loader_class = "karma.models.hf_embedding_model.HFEmbeddingBaseModel",
    .loader_kwargs_json = UPSTREAM_EMBEDDING_KWARGS,
    .model_type = KARMA_EMBEDDING,
    .modalities = KARMA_TEXT,
    .framework = transformers,
};

static const karma_model_meta sapbert_finetuned = {
    .name = "ekacare/SapBERT-finetuned",
    .reference = "https://huggingface.co/ekacare/SapBERT-finetuned",
    .description = "SapBERT, fine-tuned on medical terms",
    .loader_class = "karma.models.hf_embedding_model.HFEmbeddingBaseModel",
    .loader_kwargs_json = UPSTREAM_EMBEDDING_KWARGS,
    .model_type = KARMA_EMBEDDING,
    .modalities = KARMA_TEXT,
    .framework = transformers,
};

static const karma_model_meta embeddinggemma_finetuned = {
    .name = "ekacare/EmbeddingGemma-finetuned",
    .reference = "https://huggingface.co/ekacare/EmbeddingGemma-finetuned",
    .description = "EmbeddingGemma, fine-tuned on medical terms",
    .loader_class = "karma.models.hf_embedding_model.HFEmbeddingBaseModel",
    .loader_kwargs_json = UPSTREAM_EMBEDDING_KWARGS,
    .model_type = KARMA_EMBEDDING,
    .modalities = KARMA_TEXT,
    .framework = transformers,
};

static const karma_model_meta indicbert_finetuned = {
    .name = "ekacare/IndicBertV2-finetuned",
    .reference = "https://huggingface.co/ekacare/IndicBertV2-finetuned",
    .description = "IndicBERT v2, fine-tuned on medical terms",
    .loader_class = "karma.models.hf_embedding_model.HFEmbeddingBaseModel",
    .loader_kwargs_json = UPSTREAM_EMBEDDING_KWARGS,
    .model_type = KARMA_EMBEDDING,
    .modalities = KARMA_TEXT,
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
    &minilm_l6,
    &minilm_l12,
    &bge_small,
    &bge_base,
    &bge_large,
    &bge_m3,
    &e5_small,
    &e5_base,
    &e5_large,
    &multilingual_e5_small,
    &multilingual_e5_base,
    &multilingual_e5_large,
    &qwen3_embedding_0_6b,
    &qwen3_embedding_4b,
    &qwen3_embedding_8b,
    &embeddinggemma_300m,
    &sapbert,
    &parrotlet_e,
    &sapbert_finetuned,
    &embeddinggemma_finetuned,
    &indicbert_finetuned,
    NULL,
};
