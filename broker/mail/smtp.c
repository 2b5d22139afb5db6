#include "broker/mail/smtp.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

enum { ADDRESS_SIZE = 320, CODE_PERMANENT = 500, CODE_REFUSED = 400, CODE_AUTH_FIRST = 530, CODE_AUTH_LAST = 538 };

struct smtp {
    const struct broker_settings *settings;
    const char *password;
    CURL *curl; /* keeps its connection for the next message */
};

/* One message under way. */
struct letter {
    struct slice rest;
    smtp_begin_fn *begin;
    void *self;
    bool asked, begun;
};

result smtp_new(const struct broker_settings *settings, const char *password, struct smtp **ret, struct why *why)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return FAIL(why, UNAVAILABLE, "the mail library did not start");
    struct smtp *s = calloc(1, sizeof *s);
    if (!s || !(s->curl = curl_easy_init())) {
        free(s);
        return FAIL(why, LIMIT, "no memory for mail");
    }
    s->settings = settings;
    s->password = password;
    *ret = s;
    return DONE;
}

void smtp_free(struct smtp *s)
{
    if (!s)
        return;
    curl_easy_cleanup(s->curl);
    free(s);
}

static size_t give(char *to, size_t size, size_t count, void *self)
{
    struct letter *l = self;
    size_t n = size * count < l->rest.len ? size * count : l->rest.len;
    if (!l->asked) {
        l->asked = true;
        l->begun = l->begin(l->self);
    }
    if (!l->begun)
        return CURL_READFUNC_ABORT;
    memcpy(to, l->rest.at, n);
    l->rest = slice_part(l->rest, n, l->rest.len);
    return n;
}

static size_t take(char *at, size_t size, size_t count, void *self)
{
    (void)at, (void)self;
    return size * count;
}

static bool set_server(CURL *c, const struct broker_settings *s, const char *password)
{
    bool tls = strcmp(s->mail_tls, "none") != 0;
    bool ok = curl_easy_setopt(c, CURLOPT_URL, s->mail_url) == CURLE_OK &&
              curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "smtp,smtps") == CURLE_OK &&
              curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK &&
              curl_easy_setopt(c, CURLOPT_USE_SSL, (long)(tls ? CURLUSESSL_ALL : CURLUSESSL_NONE)) == CURLE_OK &&
              curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
              curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK && curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK;
    if (ok && s->mail_ca[0])
        ok = curl_easy_setopt(c, CURLOPT_CAINFO, s->mail_ca) == CURLE_OK && curl_easy_setopt(c, CURLOPT_CAPATH, NULL) == CURLE_OK;
    if (ok && s->mail_user[0])
        ok = curl_easy_setopt(c, CURLOPT_USERNAME, s->mail_user) == CURLE_OK &&
             curl_easy_setopt(c, CURLOPT_PASSWORD, password ? password : "") == CURLE_OK;
    return ok;
}

static bool set_message(CURL *c, const struct broker_settings *s, struct curl_slist *to, struct letter *l, char *error)
{
    char from[ADDRESS_SIZE];
    snprintf(from, sizeof from, "<%.255s>", s->mail_from);
    return curl_easy_setopt(c, CURLOPT_MAIL_FROM, from) == CURLE_OK && curl_easy_setopt(c, CURLOPT_MAIL_RCPT, to) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_READFUNCTION, give) == CURLE_OK && curl_easy_setopt(c, CURLOPT_READDATA, (void *)l) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take) == CURLE_OK && curl_easy_setopt(c, CURLOPT_UPLOAD, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)l->rest.len) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)SMTP_CONNECT_MS) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)SMTP_WHOLE_MS) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_ERRORBUFFER, error) == CURLE_OK;
}

/* code: the last reply the server gave.  A login that is refused is the operator's to mend, and tried again. */
static enum smtp_end judge(const struct letter *l, CURLcode done, long code)
{
    if (done == CURLE_OK)
        return SMTP_SENT;
    if (l->asked && !l->begun)
        return SMTP_LATER;
    if (l->begun && code < CODE_REFUSED)
        return SMTP_UNKNOWN;
    bool login = done == CURLE_LOGIN_DENIED || (code >= CODE_AUTH_FIRST && code <= CODE_AUTH_LAST);
    return code >= CODE_PERMANENT && !login ? SMTP_NEVER : SMTP_LATER;
}

enum smtp_end smtp_send(struct smtp *s, const char *to, struct slice message, smtp_begin_fn *begin, void *self, struct why *why)
{
    char error[CURL_ERROR_SIZE] = "", bracketed[ADDRESS_SIZE];
    struct letter l = {.rest = message, .begin = begin, .self = self};
    long code = 0;
    snprintf(bracketed, sizeof bracketed, "<%.255s>", to);
    struct curl_slist *list = curl_slist_append(NULL, bracketed);
    curl_easy_reset(s->curl);
    if (!list || !set_server(s->curl, s->settings, s->password) || !set_message(s->curl, s->settings, list, &l, error)) {
        curl_slist_free_all(list);
        tolerate(FAIL(why, UNAVAILABLE, "the mail library lacks an option or memory"));
        return SMTP_LATER;
    }
    CURLcode done = curl_easy_perform(s->curl);
    curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &code);
    curl_slist_free_all(list);
    if (done != CURLE_OK)
        tolerate(FAIL(why, UNAVAILABLE, "%s (last reply %ld)", error[0] ? error : curl_easy_strerror(done), code));
    return judge(&l, done, code);
}
