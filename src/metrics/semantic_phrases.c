/* semantic_phrases.c - see semantic_tokens.h: the table of what is one thing, English and Hindi. */
#include <string.h>

#include "metrics/semantic_tokens.h"

struct phrase {
    const char *said; /* in lower case, composed; a blank between words */
    const char *is;
    enum token_kind kind;
};

static const struct phrase phrases[] = {
    {"millimeter", "mm", TOKEN_UNIT},
    {"millimeters", "mm", TOKEN_UNIT},
    {"millimetre", "mm", TOKEN_UNIT},
    {"millimetres", "mm", TOKEN_UNIT},
    {"मिलीमीटर", "mm", TOKEN_UNIT},
    {"mm", "mm", TOKEN_UNIT},
    {"centimeter", "cm", TOKEN_UNIT},
    {"centimeters", "cm", TOKEN_UNIT},
    {"centimetre", "cm", TOKEN_UNIT},
    {"centimetres", "cm", TOKEN_UNIT},
    {"सेंटीमीटर", "cm", TOKEN_UNIT},
    {"cm", "cm", TOKEN_UNIT},
    {"cms", "cm", TOKEN_UNIT},
    {"meter", "m", TOKEN_UNIT},
    {"meters", "m", TOKEN_UNIT},
    {"metre", "m", TOKEN_UNIT},
    {"metres", "m", TOKEN_UNIT},
    {"मीटर", "m", TOKEN_UNIT},
    {"kilometer", "km", TOKEN_UNIT},
    {"kilometers", "km", TOKEN_UNIT},
    {"kilometre", "km", TOKEN_UNIT},
    {"kilometres", "km", TOKEN_UNIT},
    {"किलोमीटर", "km", TOKEN_UNIT},
    {"km", "km", TOKEN_UNIT},
    {"microgram", "mcg", TOKEN_UNIT},
    {"micrograms", "mcg", TOKEN_UNIT},
    {"माइक्रोग्राम", "mcg", TOKEN_UNIT},
    {"mcg", "mcg", TOKEN_UNIT},
    {"\u00B5g", "mcg", TOKEN_UNIT},
    {"\u03BCg", "mcg", TOKEN_UNIT},
    {"gram", "g", TOKEN_UNIT},
    {"grams", "g", TOKEN_UNIT},
    {"gramme", "g", TOKEN_UNIT},
    {"grammes", "g", TOKEN_UNIT},
    {"gm", "g", TOKEN_UNIT},
    {"gms", "g", TOKEN_UNIT},
    {"ग्राम", "g", TOKEN_UNIT},
    {"kilogram", "kg", TOKEN_UNIT},
    {"kilograms", "kg", TOKEN_UNIT},
    {"kilogramme", "kg", TOKEN_UNIT},
    {"kilogrammes", "kg", TOKEN_UNIT},
    {"kilo", "kg", TOKEN_UNIT},
    {"kilos", "kg", TOKEN_UNIT},
    {"kgs", "kg", TOKEN_UNIT},
    {"kg", "kg", TOKEN_UNIT},
    {"किलोग्राम", "kg", TOKEN_UNIT},
    {"किलो", "kg", TOKEN_UNIT},
    {"milligram", "mg", TOKEN_UNIT},
    {"milligrams", "mg", TOKEN_UNIT},
    {"mg", "mg", TOKEN_UNIT},
    {"mgs", "mg", TOKEN_UNIT},
    {"मिलीग्राम", "mg", TOKEN_UNIT},
    {"मिग्रा", "mg", TOKEN_UNIT},
    {"milliliter", "ml", TOKEN_UNIT},
    {"milliliters", "ml", TOKEN_UNIT},
    {"millilitre", "ml", TOKEN_UNIT},
    {"millilitres", "ml", TOKEN_UNIT},
    {"ml", "ml", TOKEN_UNIT},
    {"मिलीलीटर", "ml", TOKEN_UNIT},
    {"मिली", "ml", TOKEN_UNIT},
    {"deciliter", "dl", TOKEN_UNIT},
    {"deciliters", "dl", TOKEN_UNIT},
    {"decilitre", "dl", TOKEN_UNIT},
    {"decilitres", "dl", TOKEN_UNIT},
    {"डेसीलीटर", "dl", TOKEN_UNIT},
    {"dl", "dl", TOKEN_UNIT},
    {"liter", "l", TOKEN_UNIT},
    {"liters", "l", TOKEN_UNIT},
    {"litre", "l", TOKEN_UNIT},
    {"litres", "l", TOKEN_UNIT},
    {"लीटर", "l", TOKEN_UNIT},
    {"second", "sec", TOKEN_UNIT},
    {"seconds", "sec", TOKEN_UNIT},
    {"sec", "sec", TOKEN_UNIT},
    {"secs", "sec", TOKEN_UNIT},
    {"सेकंड", "sec", TOKEN_UNIT},
    {"minute", "min", TOKEN_UNIT},
    {"minutes", "min", TOKEN_UNIT},
    {"min", "min", TOKEN_UNIT},
    {"mins", "min", TOKEN_UNIT},
    {"मिनट", "min", TOKEN_UNIT},
    {"hour", "hr", TOKEN_UNIT},
    {"hours", "hr", TOKEN_UNIT},
    {"hr", "hr", TOKEN_UNIT},
    {"hrs", "hr", TOKEN_UNIT},
    {"घंटा", "hr", TOKEN_UNIT},
    {"घंटे", "hr", TOKEN_UNIT},
    {"decibel", "db", TOKEN_UNIT},
    {"decibels", "db", TOKEN_UNIT},
    {"डेसिबल", "db", TOKEN_UNIT},
    {"db", "db", TOKEN_UNIT},
    {"hertz", "hz", TOKEN_UNIT},
    {"हर्ट्ज़", "hz", TOKEN_UNIT},
    {"hz", "hz", TOKEN_UNIT},
    {"millivolt", "mv", TOKEN_UNIT},
    {"millivolts", "mv", TOKEN_UNIT},
    {"मिलीवोल्ट", "mv", TOKEN_UNIT},
    {"mv", "mv", TOKEN_UNIT},
    {"cubic centimeter", "cc", TOKEN_UNIT},
    {"cubic centimeters", "cc", TOKEN_UNIT},
    {"cubic centimetre", "cc", TOKEN_UNIT},
    {"cubic centimetres", "cc", TOKEN_UNIT},
    {"सीसी", "cc", TOKEN_UNIT},
    {"cc", "cc", TOKEN_UNIT},
    {"parts per million", "ppm", TOKEN_UNIT},
    {"पीपीएम", "ppm", TOKEN_UNIT},
    {"ppm", "ppm", TOKEN_UNIT},
    {"revolutions per minute", "rpm", TOKEN_UNIT},
    {"आरपीएम", "rpm", TOKEN_UNIT},
    {"rpm", "rpm", TOKEN_UNIT},
    {"beats per minute", "bpm", TOKEN_UNIT},
    {"bpm", "bpm", TOKEN_UNIT},
    {"millimeters of mercury", "mmhg", TOKEN_UNIT},
    {"millimetres of mercury", "mmhg", TOKEN_UNIT},
    {"mm of mercury", "mmhg", TOKEN_UNIT},
    {"mm hg", "mmhg", TOKEN_UNIT},
    {"mmhg", "mmhg", TOKEN_UNIT},
    {"millimole", "mmol", TOKEN_UNIT},
    {"millimoles", "mmol", TOKEN_UNIT},
    {"mmol", "mmol", TOKEN_UNIT},
    {"milliequivalent", "meq", TOKEN_UNIT},
    {"milliequivalents", "meq", TOKEN_UNIT},
    {"meq", "meq", TOKEN_UNIT},
    {"international unit", "iu", TOKEN_UNIT},
    {"international units", "iu", TOKEN_UNIT},
    {"iu", "iu", TOKEN_UNIT},
    {"percent", "%", TOKEN_SIGN},
    {"per cent", "%", TOKEN_SIGN},
    {"प्रतिशत", "%", TOKEN_SIGN},
    {"परसेंट", "%", TOKEN_SIGN},
    {"फीसदी", "%", TOKEN_SIGN},
    {"फ़ीसदी", "%", TOKEN_SIGN},
    {"plus", "+", TOKEN_SIGN},
    {"प्लस", "+", TOKEN_SIGN},
    {"equals", "=", TOKEN_SIGN},
    {"equal to", "=", TOKEN_SIGN},
    {"बराबर", "=", TOKEN_SIGN},
    {"greater than", ">", TOKEN_SIGN},
    {"less than", "<", TOKEN_SIGN},
    {"degrees", "degree", TOKEN_WORD},
    {"डिग्री", "degree", TOKEN_WORD},
    {"celsius", "c", TOKEN_WORD},
    {"centigrade", "c", TOKEN_WORD},
    {"सेल्सियस", "c", TOKEN_WORD},
    {"fahrenheit", "f", TOKEN_WORD},
    {"फारेनहाइट", "f", TOKEN_WORD},
    {"dollars", "dollar", TOKEN_WORD},
    {"euros", "euro", TOKEN_WORD},
    {"pounds", "pound", TOKEN_WORD},
    {"lb", "pound", TOKEN_WORD},
    {"lbs", "pound", TOKEN_WORD},
    {"rupees", "rupee", TOKEN_WORD},
    {"rs", "rupee", TOKEN_WORD},
    {"रुपये", "rupee", TOKEN_WORD},
    {"रुपए", "rupee", TOKEN_WORD},
    {"रुपया", "rupee", TOKEN_WORD},
};

/* Words of the phrase that stand at i, 0: others do. */
static size_t phrase_at(const struct tokens *t, size_t i, const char *said) {
    size_t n = 0;
    while (*said) {
        const size_t len = strcspn(said, " ");
        if (i + n == t->count || t->items[i + n].kind != TOKEN_WORD) return 0;
        const struct piece *w = &t->items[i + n].text;
        if (w->len != len || memcmp(w->text, said, len) != 0) return 0;
        said += len;
        said += *said == ' ';
        n++;
    }
    return n;
}

/* The letters "m", "g" and "l" are units behind a number alone. */
static bool is_short_unit(const struct tokens *t, size_t i) {
    const struct token *w = &t->items[i];
    return w->kind == TOKEN_WORD && w->text.len == 1 && strchr("mgl", *w->text.text) && i > 0 &&
           t->items[i - 1].kind == TOKEN_NUMBER;
}

/* Put each phrase by what it means, the longest first. In place: there are never more. */
void tokens_put_phrases(struct tokens *t) {
    size_t to = 0;
    for (size_t i = 0, n; i < t->count; i += n) {
        struct token best = t->items[i];
        n = 1;
        if (is_short_unit(t, i)) best.kind = TOKEN_UNIT;
        size_t longest = 0;
        for (size_t k = 0; k < sizeof(phrases) / sizeof(*phrases); k++) {
            const size_t words = phrase_at(t, i, phrases[k].said);
            if (words <= longest) continue;
            longest = words;
            best = (struct token){phrases[k].kind, {phrases[k].is, strlen(phrases[k].is)}};
        }
        if (longest) n = longest;
        t->items[to++] = best;
    }
    t->count = to;
}
