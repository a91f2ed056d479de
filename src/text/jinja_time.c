/*
 * jinja_time.c - strftime_now(): the run's fixed time in UTC, with English names whatever the
 * locale. As the reference's datetime it knows no time zone: %Z and %z are empty.
 */
#include <stdio.h>
#include <string.h>

#include "text/jinja_run.h"

struct civil {
    int64_t year;
    int month, day, hour, minute, second; /* month and day from 1 */
    int weekday, yearday;                 /* from 0; Sunday is weekday 0 */
};

/* Days since 1970-01-01 to a date of the proleptic Gregorian calendar: counted from 1 March of
 * year 0, so that the leap day is the last of its year; 400 years have 146,097 days. */
static struct civil civil_from(int64_t seconds) {
    struct civil c;
    int64_t days = seconds / 86400, rest = seconds % 86400;
    if (rest < 0) {
        rest += 86400;
        days--;
    }
    c.hour = (int)(rest / 3600);
    c.minute = (int)(rest / 60 % 60);
    c.second = (int)(rest % 60);
    c.weekday = (int)(((days + 4) % 7 + 7) % 7);
    const int64_t z = days + 719468;
    const int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    const int64_t doe = z - era * 146097;
    const int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    const int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    const int64_t mp = (5 * doy + 2) / 153;
    c.day = (int)(doy - (153 * mp + 2) / 5 + 1);
    c.month = (int)(mp < 10 ? mp + 3 : mp - 9);
    c.year = yoe + era * 400 + (c.month <= 2);
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    const bool leap = (c.year % 4 == 0 && c.year % 100 != 0) || c.year % 400 == 0;
    c.yearday = before[c.month - 1] + c.day - 1 + (leap && c.month > 2);
    return c;
}

static const char *const days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                   "Thursday", "Friday", "Saturday"};
static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};

/* The week of ISO 8601 and the year it belongs to: that of its Thursday. */
static int iso_week(const struct civil *c, int64_t *year) {
    const int weekday = (c->weekday + 6) % 7; /* Monday is 0 */
    const int thursday = c->yearday - weekday + 3;
    *year = c->year;
    if (thursday < 0) {
        const int64_t y = --*year;
        const bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
        return (thursday + 365 + leap) / 7 + 1;
    }
    const bool leap = (c->year % 4 == 0 && c->year % 100 != 0) || c->year % 400 == 0;
    if (thursday >= 365 + leap) {
        ++*year;
        return 1;
    }
    return thursday / 7 + 1;
}

/* One conversion; "" for those that show nothing, NULL for what we do not know. flag: '-' no
 * padding, '_' blanks, '0' zeros, '^' capitals, 0 none. */
static const char *convert(const struct civil *c, int64_t now_s, char code, char flag, char *out) {
    enum { CAP = 64 };
    int64_t number = 0, iso_year;
    int width = 2;
    char pad = '0';
    const int hour12 = c->hour % 12 ? c->hour % 12 : 12;
    switch (code) {
    case 'a':
        snprintf(out, CAP, "%.3s", days[c->weekday]);
        break;
    case 'A':
        snprintf(out, CAP, "%s", days[c->weekday]);
        break;
    case 'b':
    case 'h':
        snprintf(out, CAP, "%.3s", months[c->month - 1]);
        break;
    case 'B':
        snprintf(out, CAP, "%s", months[c->month - 1]);
        break;
    case 'p':
        snprintf(out, CAP, "%s", c->hour < 12 ? "AM" : "PM");
        break;
    case 'P':
        snprintf(out, CAP, "%s", c->hour < 12 ? "am" : "pm");
        break;
    case 'c':
        snprintf(out, CAP, "%.3s %.3s %2d %02d:%02d:%02d %lld", days[c->weekday],
                 months[c->month - 1], c->day, c->hour, c->minute, c->second, (long long)c->year);
        break;
    case 'x':
    case 'D':
        snprintf(out, CAP, "%02d/%02d/%02d", c->month, c->day, (int)(c->year % 100));
        break;
    case 'X':
    case 'T':
        snprintf(out, CAP, "%02d:%02d:%02d", c->hour, c->minute, c->second);
        break;
    case 'r':
        snprintf(out, CAP, "%02d:%02d:%02d %s", hour12, c->minute, c->second,
                 c->hour < 12 ? "AM" : "PM");
        break;
    case 'R':
        snprintf(out, CAP, "%02d:%02d", c->hour, c->minute);
        break;
    case 'F':
        snprintf(out, CAP, "%lld-%02d-%02d", (long long)c->year, c->month, c->day);
        break;
    case 'f': /* Python's own: microseconds; our time has whole seconds */
        return "000000";
    case 'n':
        return "\n";
    case 't':
        return "\t";
    case '%':
        return "%";
    case 'z':
    case 'Z':
        return "";
    case 'd':
        number = c->day;
        break;
    case 'e':
        number = c->day;
        pad = ' ';
        break;
    case 'H':
        number = c->hour;
        break;
    case 'k':
        number = c->hour;
        pad = ' ';
        break;
    case 'I':
        number = hour12;
        break;
    case 'l':
        number = hour12;
        pad = ' ';
        break;
    case 'M':
        number = c->minute;
        break;
    case 'S':
        number = c->second;
        break;
    case 'm':
        number = c->month;
        break;
    case 'j':
        number = c->yearday + 1;
        width = 3;
        break;
    case 'y':
        number = c->year % 100;
        break;
    case 'C':
        number = c->year / 100;
        break;
    case 'Y':
        number = c->year;
        width = 1;
        break;
    case 'u':
        number = c->weekday ? c->weekday : 7;
        width = 1;
        break;
    case 'w':
        number = c->weekday;
        width = 1;
        break;
    case 'U':
        number = (c->yearday + 7 - c->weekday) / 7;
        break;
    case 'W':
        number = (c->yearday + 7 - (c->weekday + 6) % 7) / 7;
        break;
    case 'V':
        number = iso_week(c, &iso_year);
        break;
    case 'G':
    case 'g':
        iso_week(c, &iso_year);
        number = code == 'G' ? iso_year : iso_year % 100;
        width = code == 'G' ? 1 : 2;
        break;
    case 's':
        number = now_s;
        width = 1;
        break;
    default:
        return NULL;
    }
    if (strchr("aAbhBpPcxDXTrRF", code)) {
        for (char *p = out; flag == '^' && *p; p++) {
            if (*p >= 'a' && *p <= 'z') *p = (char)(*p - 32);
        }
        return out;
    }
    if (flag == '-') width = 1;
    if (flag == '_') pad = ' ';
    if (flag == '0') pad = '0';
    if (pad == ' ')
        snprintf(out, CAP, "%*lld", width, (long long)number);
    else
        snprintf(out, CAP, "%0*lld", width, (long long)number);
    return out;
}

karma_status jinja_strftime(struct jinja_run *r, struct jinja_value self,
                            const struct jinja_args *args, struct jinja_value *out) {
    static const char *const params[] = {"format", NULL};
    (void)self;
    struct jinja_value v;
    struct jinja_str *s = NULL;
    karma_status st = jinja_bind(r, "strftime_now()", args, params, 1, &v);
    if (st == KARMA_OK) st = jinja_want_str(r, "the format of strftime_now()", v, &s);
    if (st < 0) return st;
    const struct civil c = civil_from(r->now_s);
    struct jinja_out o = {0};
    st = jinja_charge(r, 1 + s->len / 8, 0);
    for (size_t pos = 0, from; st == KARMA_OK && pos < s->len;) {
        from = pos;
        if (s->data[pos] != '%') {
            while (pos < s->len && s->data[pos] != '%') {
                pos++;
            }
            st = jinja_out_add_part(r, &o, s, from, pos);
            continue;
        }
        char flag = 0, text[64];
        if (++pos < s->len && strchr("-_0^", s->data[pos])) flag = s->data[pos++];
        const char *done = pos < s->len ? convert(&c, r->now_s, s->data[pos], flag, text) : NULL;
        if (!done) {
            st = jinja_fail(r, KARMA_E_UNSUPPORTED, "the time format %s is not supported",
                            status_quote(s->data + from, (pos < s->len ? pos + 1 : pos) - from));
            break;
        }
        pos++;
        st = jinja_out_puts(r, &o, done);
    }
    if (st == KARMA_OK) st = jinja_out_take(r, &o, out);
    jinja_out_release(&o);
    return st;
}
