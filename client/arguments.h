/*
 * arguments.h - words and options of one command line, checked against what the command takes.
 * Options are written --name VALUE or --name=VALUE; "--" ends them.
 */
#ifndef INNSYN_CLIENT_ARGUMENTS_H
#define INNSYN_CLIENT_ARGUMENTS_H

#include <stdint.h>

#include "base/result.h"

enum { ARGUMENT_WORDS_MAX = 8, ARGUMENT_OPTIONS_MAX = 256 };

struct arguments {
    const char *words[ARGUMENT_WORDS_MAX]; /* borrowed from argv */
    unsigned word_count;
    struct {
        const char *name;  /* borrowed from the rules: up to a blank or '=' */
        size_t name_len;
        const char *value; /* NULL for a flag */
    } options[ARGUMENT_OPTIONS_MAX];
    unsigned option_count;
};

/* rules: names separated by blanks; "yes" is a flag, "text=" takes one value and may be given once,
 * "site-public=+" takes one or more values and may be given again.
 * MALFORMED: unknown option, missing or second value, too many words; names the option. */
MUST_CHECK result arguments_parse(int argc, char **argv, const char *rules, struct arguments *ret, struct why *why);

bool arguments_flag(const struct arguments *a, const char *name);
/* The value, or NULL when the option was not given. */
const char *arguments_value(const struct arguments *a, const char *name);
/* The index-th value of an option that may be given again, or NULL. */
const char *arguments_nth(const struct arguments *a, const char *name, unsigned index);
/* MALFORMED: the option is missing. */
MUST_CHECK result arguments_need(const struct arguments *a, const char *name, const char **ret, struct why *why);
/* A whole number of min..max; *ret is left alone when the option is absent. */
MUST_CHECK result arguments_number(const struct arguments *a, const char *name, uint64_t min, uint64_t max, uint64_t *ret, struct why *why);

#endif
