/*
 * result.h - what a call came to, and why.
 *
 * A result is a struct and not an int or an enum, so that it cannot pass for a
 * bool: an early return of DENIED from a function that answers "is it allowed"
 * does not compile.  Each status tells the caller what to do next.
 * The peer learns at most the status; the text in `struct why` is for the
 * operator and the log, and never holds record contents or secrets.
 */
#ifndef INNSYN_BASE_RESULT_H
#define INNSYN_BASE_RESULT_H

#include <stdbool.h>
#include <stddef.h>

enum status {
    OK = 0,      /* it was done */
    AGAIN,       /* not now: the same call may succeed later */
    MALFORMED,   /* the input is not what the rule asks; the sender must change it */
    DENIED,      /* understood and refused */
    ABSENT,      /* there is no such thing */
    LIMIT,       /* a named bound (size, count, time, memory) was reached */
    UNAVAILABLE, /* the world did not answer (disk, peer, server) */
    BROKEN,      /* stored data contradict themselves */
};

typedef struct {
    enum status code;
} result;

/* Why a call did not end OK.  The caller owns it; NULL is accepted everywhere. */
struct why {
    const char *at;   /* "file:line" of the refusal, a string literal */
    char field[96];   /* path of the offending part of the input, "" if none */
    char text[240];   /* one sentence: the rule, and what would be allowed */
    const char *code; /* problem code (docs/PROTOCOL.md section 9), a string literal; NULL: the status says enough */
};

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define CLEANUP(function) __attribute__((cleanup(function)))

#define INNSYN_STR_(x) #x
#define INNSYN_STR(x) INNSYN_STR_(x)
#define HERE __FILE__ ":" INNSYN_STR(__LINE__)

/* return FAIL(why, DENIED, "purpose '%s' is not granted", p); */
#define FAIL(why, code, ...) result_fail((why), HERE, (code), __VA_ARGS__)

/* As FAIL, naming the part of the input: FAIL_AT(why, MALFORMED, "/where/age", "..."). */
#define FAIL_AT(why, code, field, ...) result_fail_at((why), HERE, (code), (field), __VA_ARGS__)

/* As FAIL_AT, with the problem code that machines read:
 * FAIL_CODE(why, DENIED, "outside_scope", "/where/age", "..."). */
#define FAIL_CODE(why, status, code, field, ...) result_fail_code((why), HERE, (status), (code), (field), __VA_ARGS__)

/* Leave the function with the callee's result unless it is OK. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        result try_ = (call);                                                                      \
        if (try_.code != OK)                                                                       \
            return try_;                                                                           \
    } while (0)

#define DONE ((result){OK})

/* Hand a pointer on and leave NULL behind, so that its CLEANUP does nothing. */
#define MOVE(pointer)                                                                              \
    __extension__({                                                                                \
        __typeof__(pointer) moved_ = (pointer);                                                    \
        (pointer) = NULL;                                                                          \
        moved_;                                                                                    \
    })

static inline bool is_ok(result r)
{
    return r.code == OK;
}

/* A failure that the caller has decided to live with; say why beside the call. */
static inline void tolerate(result r)
{
    (void)r;
}

MUST_CHECK result result_fail(struct why *why, const char *at, enum status code, const char *format,
                              ...) PRINTF_LIKE(4, 5);
MUST_CHECK result result_fail_at(struct why *why, const char *at, enum status code,
                                 const char *field, const char *format, ...) PRINTF_LIKE(5, 6);

MUST_CHECK result result_fail_code(struct why *why, const char *at, enum status status, const char *code,
                                   const char *field, const char *format, ...) PRINTF_LIKE(6, 7);

/* "DENIED" and so on; never NULL. */
const char *status_name(enum status code);

#endif
