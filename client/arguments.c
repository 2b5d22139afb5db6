#include "client/arguments.h"

#include <string.h>

#include "base/slice.h"

struct rule {
    const char *name;
    size_t name_len;
    bool takes_value, repeats;
};

/* The next rule of the text; false at its end. */
static bool next_rule(const char **rules, struct rule *ret)
{
    const char *at = *rules + strspn(*rules, " ");
    size_t len = strcspn(at, " "), name_len = strcspn(at, " =");
    if (len == 0)
        return false;
    *ret = (struct rule){at, name_len, name_len < len, len >= 2 && at[len - 1] == '+'};
    *rules = at + len;
    return true;
}

static bool find_rule(const char *rules, struct slice name, struct rule *ret)
{
    while (next_rule(&rules, ret))
        if (slice_equal(name, slice_of(ret->name, ret->name_len)))
            return true;
    return false;
}

static bool is_option(const char *word)
{
    return word[0] == '-' && word[1] == '-' && word[2] != '\0';
}

static result add_option(struct arguments *a, const struct rule *rule, const char *value, struct why *why)
{
    if (a->option_count >= ARGUMENT_OPTIONS_MAX)
        return FAIL(why, LIMIT, "more than %d options", ARGUMENT_OPTIONS_MAX);
    if (!rule->repeats)
        for (unsigned i = 0; i < a->option_count; i++)
            if (a->options[i].name == rule->name)
                return FAIL(why, MALFORMED, "option --%.*s is given twice", (int)rule->name_len, rule->name);
    a->options[a->option_count].name = rule->name;
    a->options[a->option_count].name_len = rule->name_len;
    a->options[a->option_count++].value = value;
    return DONE;
}

result arguments_parse(int argc, char **argv, const char *rules, struct arguments *ret, struct why *why)
{
    struct arguments a = {0};
    bool options_end = false;
    for (int i = 0; i < argc; i++) {
        if (!options_end && strcmp(argv[i], "--") == 0) {
            options_end = true;
            continue;
        }
        if (options_end || !is_option(argv[i])) {
            if (a.word_count >= ARGUMENT_WORDS_MAX)
                return FAIL(why, MALFORMED, "too many words from '%s' on", argv[i]);
            a.words[a.word_count++] = argv[i];
            continue;
        }
        const char *name = argv[i] + 2, *equals = strchr(name, '=');
        struct rule rule;
        if (!find_rule(rules, slice_of(name, equals ? (size_t)(equals - name) : strlen(name)), &rule))
            return FAIL(why, MALFORMED, "there is no option %.40s here", argv[i]);
        if (!rule.takes_value) {
            if (equals)
                return FAIL(why, MALFORMED, "option --%.*s takes no value", (int)rule.name_len, rule.name);
            TRY(add_option(&a, &rule, NULL, why));
        } else if (equals) {
            TRY(add_option(&a, &rule, equals + 1, why));
        } else {
            if (i + 1 >= argc)
                return FAIL(why, MALFORMED, "option --%.*s needs a value", (int)rule.name_len, rule.name);
            TRY(add_option(&a, &rule, argv[++i], why));
            while (rule.repeats && i + 1 < argc && !is_option(argv[i + 1]) && strcmp(argv[i + 1], "--") != 0)
                TRY(add_option(&a, &rule, argv[++i], why));
        }
    }
    *ret = a;
    return DONE;
}

const char *arguments_nth(const struct arguments *a, const char *name, unsigned index)
{
    for (unsigned i = 0; i < a->option_count; i++)
        if (slice_is(slice_of(a->options[i].name, a->options[i].name_len), name) && index-- == 0)
            return a->options[i].value ? a->options[i].value : "";
    return NULL;
}

const char *arguments_value(const struct arguments *a, const char *name)
{
    return arguments_nth(a, name, 0);
}

bool arguments_flag(const struct arguments *a, const char *name)
{
    return arguments_nth(a, name, 0) != NULL;
}

result arguments_need(const struct arguments *a, const char *name, const char **ret, struct why *why)
{
    const char *value = arguments_value(a, name);
    if (!value)
        return FAIL(why, MALFORMED, "option --%s is missing", name);
    *ret = value;
    return DONE;
}

result arguments_number(const struct arguments *a, const char *name, uint64_t min, uint64_t max, uint64_t *ret, struct why *why)
{
    const char *value = arguments_value(a, name);
    uint64_t number;
    if (!value)
        return DONE;
    if (!slice_parse_u64(slice_str(value), max, &number) || number < min)
        return FAIL(why, MALFORMED, "option --%s must be a whole number from %llu to %llu", name, (unsigned long long)min, (unsigned long long)max);
    *ret = number;
    return DONE;
}
