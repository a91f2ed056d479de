/* asr_language.c - see asr_language.h. */
#include "metrics/asr_language.h"

#include <string.h>

#include "base/utf8.h"
#include "text/characters.h"

static const struct asr_unit english_units[] = {
    {"mm", {"millimeter", "millimeters", "millimetre", "millimetres"}},
    {"cm", {"centimeter", "centimeters", "centimetre", "centimetres"}},
    {"m", {"meter", "meters", "metre", "metres"}},
    {"km", {"kilometer", "kilometers", "kilometre", "kilometres"}},
    {"g", {"gram", "grams", "gramme", "grammes"}},
    {"kg", {"kilogram", "kilograms", "kilogramme", "kilogrammes"}},
    {"mg", {"milligram", "milligrams"}},
    {"ml", {"milliliter", "milliliters", "millilitre", "millilitres"}},
    {"l", {"liter", "liters", "litre", "litres"}},
    {"sec", {"second", "seconds"}},
    {"min", {"minute", "minutes"}},
    {"hr", {"hour", "hours"}},
    {"db", {"decibel", "decibels"}},
    {"hz", {"hertz"}},
    {"mv", {"millivolt", "millivolts"}},
    {"cc", {"cubic centimeter", "cubic centimeters"}},
    {"ppm", {"parts per million"}},
    {"rpm", {"revolutions per minute"}},
    {NULL, {NULL}},
};
static const struct asr_symbol english_symbols[] = {
    {'.', {"dot", "point", "period", "full stop"}},
    {'/', {"slash", "over", "by", "or", "per", "divided by"}},
    {'-', {"dash", "hyphen", "minus", "negative"}},
    {'+', {"plus", "add", "positive", "and"}},
    {'%', {"percent", "percentage", "per cent"}},
    {'*', {"star", "asterisk", "times", "multiply"}},
    {'=', {"equals", "equal", "is", "equal to"}},
    {'&', {"and", "ampersand"}},
    {'@', {"at", "at sign"}},
    {'#', {"hash", "pound", "number", "hashtag"}},
    {'$', {"dollar", "dollars"}},
    {0x20AC, {"euro", "euros"}},
    {0xA3, {"pound", "pounds"}},
    {0xA5, {"yen"}},
    {0xB0, {"degree", "degrees"}},
    {0x2122, {"trademark"}},
    {0xA9, {"copyright"}},
    {0xAE, {"registered"}},
    {0, {NULL}},
};
/* A unit expands to its first word, in an expansion, and is known by either. */
static const struct asr_unit hindi_units[] = {
    {"mm", {"मिलीमीटर", "millimeter"}},
    {"cm", {"सेंटीमीटर", "centimeter"}},
    {"mg", {"मिलीग्राम", "milligram"}},
    {"kg", {"किलोग्राम", "kilogram"}},
    {"ml", {"मिलीलीटर", "milliliter"}},
    {"gm", {"ग्राम", "gram"}},
    {"km", {"किलोमीटर", "kilometer"}},
    {"hr", {"घंटा", "hour"}},
    {"min", {"मिनट", "minute"}},
    {"sec", {"सेकंड", "second"}},
    {"db", {"डेसिबल", "decibel"}},
    {"hz", {"हर्ट्ज़", "hertz"}},
    {"mv", {"मिलीवोल्ट", "millivolt"}},
    {"cc", {"सीसी"}},
    {"ppm", {"पीपीएम"}},
    {"rpm", {"आरपीएम"}},
    {NULL, {NULL}},
};
static const struct asr_symbol hindi_symbols[] = {
    {'.', {"बिंदु"}},  {'/', {"या"}},    {'-', {"डैश"}}, {'+', {"प्लस"}}, {'%', {"प्रतिशत"}},
    {'*', {"तारा"}}, {'=', {"बराबर"}}, {'&', {"और"}}, {0, {NULL}},
};

const struct asr_language asr_english = {
    .numbers = NUMBER_AMERICAN,
    .point = "point",
    .units = english_units,
    .symbols = english_symbols,
    .separators = ".-_",
};
const struct asr_language asr_hindi = {
    .hindi = true,
    .numbers = NUMBER_HINDI_SHORT,
    .units = hindi_units,
    .symbols = hindi_symbols,
    .separators = "",
};

const struct asr_language *asr_language_of(const char *name) {
    static const struct {
        const char *name;
        const struct asr_language *language;
    } names[] = {
        {"en", &asr_english}, {"english", &asr_english}, {"hi", &asr_hindi}, {"hindi", &asr_hindi}};
    const size_t len = strcspn(name, "-_");
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (strlen(names[i].name) == len && ascii_same_n(names[i].name, name, len))
            return names[i].language;
    return NULL;
}

const struct asr_symbol *asr_symbol(const struct asr_language *l, uint32_t cp) {
    for (const struct asr_symbol *s = l->symbols; s->cp; s++)
        if (s->cp == cp) return s;
    return NULL;
}

static bool same(const char *known, const char *text, size_t len) {
    return strlen(known) == len && memcmp(known, text, len) == 0;
}

const struct asr_unit *asr_unit_of_symbol(const struct asr_language *l, const char *text,
                                          size_t len) {
    for (const struct asr_unit *u = l->units; u->symbol; u++)
        if (same(u->symbol, text, len)) return u;
    return NULL;
}

const struct asr_unit *asr_unit_of_word(const struct asr_language *l, const char *text,
                                        size_t len) {
    for (const struct asr_unit *u = l->units; u->symbol; u++)
        for (size_t i = 0; i < ASR_WORDS && u->words[i]; i++)
            if (same(u->words[i], text, len)) return u;
    return NULL;
}

bool asr_is_letter(const struct asr_language *l, uint32_t cp) {
    return is_letter(cp) || (l->hindi && cp >= 0x900 && cp <= 0x97F);
}

/* Unicode's Numeric_Type Digit, which no category says. */
bool asr_is_digit(uint32_t cp) {
    static const uint32_t ranges[][2] = {
        {0xB2, 0xB3},       {0xB9, 0xB9},       {0x1369, 0x1371},   {0x19DA, 0x19DA},
        {0x2070, 0x2070},   {0x2074, 0x2079},   {0x2080, 0x2089},   {0x2460, 0x2468},
        {0x2474, 0x247C},   {0x2488, 0x2490},   {0x24EA, 0x24EA},   {0x24F5, 0x24FD},
        {0x24FF, 0x24FF},   {0x2776, 0x277E},   {0x2780, 0x2788},   {0x278A, 0x2792},
        {0x10A40, 0x10A43}, {0x10E60, 0x10E68}, {0x11052, 0x1105A}, {0x1F100, 0x1F10A},
    };
    if (digit_value(cp) >= 0) return true;
    for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
        if (cp >= ranges[i][0] && cp <= ranges[i][1]) return true;
    return false;
}
