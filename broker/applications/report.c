/*
 * report.c - the register's year in figures, for anyone, as JSON and as CSV: what was received for which
 * purpose, what was decided, how long it took, and on which grounds applications were refused.  Years are UTC.
 */
#include "broker/applications/applications.h"
#include "proto/json_number.h"

enum { YEAR_MIN = 2000, YEAR_MAX = 9998 };

static int64_t year_begins(uint64_t year)
{
    char text[INSTANT_TEXT_SIZE + 8];
    int64_t ms = 0;
    (void)snprintf(text, sizeof text, "%04u-01-01T00:00:00Z", (unsigned)year % 10000);
    (void)instant_parse(slice_str(text), &ms); /* it is one */
    return ms;
}

/* Of rows (key, count): [{key: ..., count: ...}]; a key that a row repeats is added up. *ret_sum may be NULL. */
static struct json *grouped(struct rows *rows, unsigned column, const char *key, const char *count, int64_t *ret_sum)
{
    struct json *list = json_array(), *item = NULL;
    struct slice last = {0};
    int64_t sum = 0, all = 0;
    while (rows_next(rows)) {
        if (!item || !slice_equal(rows_text(rows, column), last)) {
            item = json_object();
            json_add(list, item);
            last = rows_text(rows, column);
            json_set(item, key, json_of_text(last));
            sum = 0;
        }
        sum += rows_integer(rows, 1);
        all += rows_integer(rows, 1);
        json_set(item, count, json_of_integer(sum));
    }
    if (ret_sum)
        *ret_sum = all;
    return list;
}

struct period {
    int64_t from_ms, to_ms;
};

static result list_of(struct core *c, enum statement s, const struct period *p, const char *name, const char *key, struct json *to,
                      const char *sum_name, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    int64_t sum;
    TRY(RUN(c, s, &rows, why, store_integer(p->from_ms), store_integer(p->to_ms)));
    json_set(to, name, grouped(rows, 0, key, "count", &sum));
    if (sum_name)
        json_set(to, sum_name, json_of_integer(sum));
    return DONE;
}

static result count_of(struct core *c, enum statement s, const struct period *p, const char *name, struct json *to, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c, s, &rows, why, store_integer(p->from_ms), store_integer(p->to_ms)));
    json_set(to, name, json_of_integer(rows_next(rows) ? rows_integer(rows, 0) : 0));
    return DONE;
}

/* Each ground with its words. */
static void explain_grounds(struct json *v)
{
    const struct json *list = json_get(v, "refusals");
    for (size_t i = 0; i < json_size(list); i++) {
        struct json *item = (struct json *)(uintptr_t)json_item(list, i); /* built here */
        const struct ground *g = ground_find(json_text(json_get(item, "ground")));
        json_set(item, "nb", json_of_str(g ? g->nb : ""));
        json_set(item, "en", json_of_str(g ? g->en : ""));
    }
}

static result report_json(struct core *c, uint64_t year, struct json **ret, struct why *why)
{
    const struct period p = {year_begins(year), year_begins(year + 1)};
    struct json *v CLEANUP(json_freep) = json_object(), *days = NULL;
    json_set(v, "innsyn", json_of_str("register-report/1"));
    json_set(v, "network", json_of_str(c->network.text));
    json_set(v, "year", json_of_integer((int64_t)year));
    json_set(v, "at", json_of_instant(host_now_ms(c->host)));
    TRY(list_of(c, REPORT_BY_FORM, &p, "by_form", "form", v, "received", why));
    TRY(list_of(c, REPORT_BY_PURPOSE, &p, "by_purpose", "purpose", v, NULL, why));
    TRY(list_of(c, REPORT_BY_OUTCOME, &p, "by_outcome", "outcome", v, "decided", why));
    TRY(list_of(c, REPORT_BY_GROUND, &p, "refusals", "ground", v, NULL, why));
    TRY(list_of(c, REPORT_PERMITS, &p, "permits", "origin", v, NULL, why));
    TRY(count_of(c, REPORT_WITHDRAWN, &p, "withdrawn", v, why));
    TRY(count_of(c, REPORT_APPEALED, &p, "appealed", v, why));
    TRY(count_of(c, REPORT_ENQUIRIES, &p, "enquiries", v, why));
    TRY(median_days(c, p.from_ms, p.to_ms, &days, why));
    json_set(v, "median_days", days);
    explain_grounds(v);
    *ret = MOVE(v);
    return DONE;
}

/* --- CSV: measure,group,value; every text in it is ours or a code --- */

static result csv_list(const struct json *v, const char *name, const char *key, struct buffer *to, struct why *why)
{
    const struct json *list = json_get(v, name);
    for (size_t i = 0; i < json_size(list); i++)
        TRY(buffer_printf(to, why, "%s,%.*s,%lld\r\n", name, SLICE_ARG(json_text(json_get(json_item(list, i), key))),
                          (long long)json_integer(json_get(json_item(list, i), "count"))));
    return DONE;
}

static result report_csv(const struct json *v, struct buffer *to, struct why *why)
{
    static const char *const counts[] = {"received", "decided", "withdrawn", "appealed", "enquiries"};
    static const char *const lists[][2] = {{"by_form", "form"}, {"by_purpose", "purpose"}, {"by_outcome", "outcome"}, {"refusals", "ground"}, {"permits", "origin"}};
    TRY(buffer_printf(to, why, "measure,group,value\r\nyear,,%lld\r\n", (long long)json_integer(json_get(v, "year"))));
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        TRY(buffer_printf(to, why, "%s,,%lld\r\n", counts[i], (long long)json_integer(json_get(v, counts[i]))));
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        TRY(csv_list(v, lists[i][0], lists[i][1], to, why));
    const struct json *days = json_get(v, "median_days");
    char text[JSON_NUMBER_TEXT_SIZE] = "";
    if (json_is_number(days))
        json_number_text(json_number(days), text);
    return buffer_printf(to, why, "median_days,,%s\r\n", text);
}

result register_report(struct call *c, struct why *why)
{
    char now[INSTANT_TEXT_SIZE];
    uint64_t year = 0, this_year = YEAR_MIN;
    struct slice format = slice_str("json");
    struct json *v = NULL;
    instant_print(c->now_ms, now);
    (void)slice_parse_u64(slice_of(now, 4), YEAR_MAX, &this_year); /* a moment begins with its year */
    TRY(call_number(c, "year", YEAR_MAX, false, this_year, &year, why));
    if (year < YEAR_MIN)
        return FAIL_AT(why, MALFORMED, "year", "'year' must be a whole number from %d to %d", YEAR_MIN, YEAR_MAX);
    (void)call_parameter(c, "format", &format);
    bool csv = slice_is(format, "csv");
    if (!csv && !slice_is(format, "json"))
        return FAIL_AT(why, MALFORMED, "format", "the report is json or csv");
    TRY(report_json(c->core, year, &v, why));
    json_free(c->answer);
    c->answer = v;
    if (!csv)
        return DONE;
    c->pending->content_type = "text/csv; charset=utf-8";
    return report_csv(v, &c->pending->body, why);
}
