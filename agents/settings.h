/*
 * settings.h - an agent's folder and its settings.
 *
 *   <dir>/agent.json          settings (strict JSON)           <dir>/paused     there while paused; holds the reason
 *   <dir>/blocked.json        permits that are not answered (agents/guard/blocks.h)
 *   <dir>/site-public.json    for the trust ceremony    <dir>/pids       of the running roles
 *   <dir>/keys/               site.pem tls.pem witness.pem secret (0600)
 *   <dir>/tls/                certificate.pem ca.pem           <dir>/guard/     state, trust, journal, answers
 *   <dir>/data/<dataset>/     snapshots
 *   <dir>/evidence/           log-fork.json: there once this site has seen a fork of the log; it answers nothing then
 *   <dir>/site-rules.json     the site's own rules, signed by its holder (agents/guard/rules.c); absent: none
 */
#ifndef INNSYN_AGENTS_SETTINGS_H
#define INNSYN_AGENTS_SETTINGS_H

#include "base/host.h"
#include "proto/id.h"

enum { AGENT_DIR_MAX = 255, AGENT_URL_MAX = 199, AGENT_PATH_SIZE = 512, SITE_SECRET_LEN = 32, SETTINGS_BYTES_MAX = 64 * 1024,
       POLL_WAIT_DEFAULT_MS = 25000, POLL_WAIT_MAX_MS = 60000,
       OPTOUT_BATCH_DAYS_MAX = 30, OPTOUT_AGE_HOURS_DEFAULT = 24, OPTOUT_AGE_HOURS_MAX = 720 };

static const int64_t HOUR_MS = INT64_C(3600000), DAY_MS = INT64_C(86400000);

#define EVIDENCE_FILE "evidence/log-fork.json"
enum { EVIDENCE_BYTES_MAX = 128 * 1024 };

#define AGENT_BUILD "innsyn-agent 0.1.0"

struct agent_settings {
    char dir[AGENT_DIR_MAX + 1];        /* not in the file: where the file was found */
    struct site_id site;
    struct label network;               /* "" until it is known (init --network, or enrol) */
    char agents_url[AGENT_URL_MAX + 1]; /* "https://host:port", "" until enrolled */
    char proxy[AGENT_URL_MAX + 1];      /* "http://proxy:3128"; "": none (the environment is not looked at) */
    unsigned poll_wait_ms;
    int64_t optout_batch_ms;   /* under a protected profile a new list waits at most so long for its edition */
    int64_t optout_age_max_ms; /* a list that was not checked for so long stops the site's datasets (I4) */
};

/* ABSENT: no agent.json there.  MALFORMED: with its path, the field and the rule. */
MUST_CHECK result agent_settings_read(const struct host *host, const char *dir, struct agent_settings *ret, struct why *why);
MUST_CHECK result agent_settings_write(const struct host *host, const struct agent_settings *s, struct why *why);

/* "<dir>/<name>"; the process stops if it does not fit (dir is bounded). */
void agent_path(const struct agent_settings *s, const char *name, char to[AGENT_PATH_SIZE]);

#endif
