/*
 * password.c - Argon2id.  The only file that sees argon2.  Runs on a worker's thread.
 */
#include <argon2.h>

#include <stdlib.h>

#include "base/host.h"
#include "broker/call/call.h"

/* OWASP's second choice of parameters: 19 MiB, two passes, one lane. */
enum { MEMORY_KIB = 19 * 1024, PASSES = 2, LANES = 1, SALT_LEN = 16, TAG_LEN = 32 };
enum { PASSWORD_BYTES_MIN = 10, PASSWORD_BYTES_MAX = 512 };

result password_check_form(struct slice password, const char *field, struct why *why)
{
    if (password.len < PASSWORD_BYTES_MIN || password.len > PASSWORD_BYTES_MAX || !slice_is_utf8(password))
        return FAIL_AT(why, MALFORMED, field, "a password has %d to %d bytes", PASSWORD_BYTES_MIN, PASSWORD_BYTES_MAX);
    return DONE;
}

result password_hash(struct slice password, char *to, size_t size, struct why *why)
{
    uint8_t salt[SALT_LEN];
    TRY(host_random(host_real(), salt, sizeof salt, why));
    int code = argon2id_hash_encoded(PASSES, MEMORY_KIB, LANES, password.at, password.len, salt, sizeof salt, TAG_LEN, to, size);
    if (code != ARGON2_OK)
        return FAIL(why, LIMIT, "argon2: %s", argon2_error_message(code));
    return DONE;
}

void password_work(void *self)
{
    struct password_job *job = self;
    struct slice password = secret_bytes(job->password);
    if (!job->check) {
        job->outcome = password_hash(password, job->encoded, sizeof job->encoded, NULL);
        return;
    }
    int code = argon2id_verify(job->encoded, password.at, password.len);
    job->holds = code == ARGON2_OK;
    job->outcome = (result){code == ARGON2_OK || code == ARGON2_VERIFY_MISMATCH ? OK : LIMIT};
}

result password_job_new(struct slice password, const char *check_against, struct password_job **ret, struct why *why)
{
    struct password_job *job = calloc(1, sizeof *job);
    if (!job)
        return FAIL(why, LIMIT, "no memory for a password check");
    job->check = check_against != NULL;
    result r = secret_new(password, &job->password, why);
    if (is_ok(r) && check_against && !slice_copy_str(slice_str(check_against), job->encoded, sizeof job->encoded))
        r = FAIL(why, BROKEN, "a stored password hash is too long");
    if (!is_ok(r)) {
        password_job_free(job);
        return r;
    }
    *ret = job;
    return DONE;
}

void password_job_free(struct password_job *job)
{
    if (!job)
        return;
    secret_free(job->password);
    wipe(job->encoded, sizeof job->encoded);
    free(job);
}
