#include "client/show/condition_words.h"

#include "base/instant.h"
#include "client/clean_text.h"

result condition_words(const struct use_condition *c, struct buffer *to, struct why *why)
{
    char code[USE_CODE_SIZE], day[DATE_TEXT_SIZE];
    use_code_print(c->code, code);
    TRY(buffer_printf(to, why, "%s %s %s", code, c->code->name, c->code->text));
    for (unsigned i = 0; i < c->value_count; i++) {
        TRY(buffer_add_str(to, i ? ", " : ": ", why));
        TRY(clean_text(c->values[i], to, why));
    }
    if (c->code->argument == USE_ARGUMENT_MONTHS)
        TRY(buffer_printf(to, why, ": %lld", (long long)c->months));
    if (c->code->argument == USE_ARGUMENT_DATE) {
        date_print(c->until_day, day);
        TRY(buffer_printf(to, why, ": %s", day));
    }
    if (c->note.len) {
        TRY(buffer_add_str(to, " (", why));
        TRY(clean_text(c->note, to, why));
        TRY(buffer_add_byte(to, ')', why));
    }
    return c->deviation ? buffer_add_str(to, "; LET PASS against what a machine says", why) : DONE;
}
