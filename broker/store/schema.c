/*
 * schema.c - the tables.  Moments are milliseconds since 1970 UTC, hashes 32 bytes, documents the
 * text that was signed.  Names and free text (I11) live in accounts, sites and applications only and
 * can be erased without touching the log, which holds account ids and hashes.
 */
#include "broker/store/schema.h"

#include <stdlib.h>

#define STEP_1(BYTES)                                                                              \
    "CREATE TABLE batch_mark (one BIGINT PRIMARY KEY, mark " BYTES " NOT NULL);"                   \
    /* the log: entries, and the complete subtrees of its Merkle tree from level 1 up */           \
    "CREATE TABLE log_entries (idx BIGINT PRIMARY KEY, at_ms BIGINT NOT NULL, type TEXT NOT NULL," \
    " body " BYTES " NOT NULL, leaf " BYTES " NOT NULL);"                                          \
    "CREATE TABLE log_nodes (level BIGINT NOT NULL, idx BIGINT NOT NULL, hash " BYTES " NOT NULL," \
    " PRIMARY KEY (level, idx));"                                                                  \
    /* accounts: roles as bits (policy); password as Argon2id's own text; key as SPKI or NULL */   \
    "CREATE TABLE accounts (account TEXT PRIMARY KEY, password TEXT NOT NULL, roles BIGINT NOT NULL,"    \
    " organisation TEXT NOT NULL, key " BYTES ", created_ms BIGINT NOT NULL);"                     \
    /* sessions and API tokens, by the SHA-256 of the token */                                     \
    "CREATE TABLE tokens (hash " BYTES " PRIMARY KEY, id TEXT NOT NULL UNIQUE,"                    \
    " account TEXT NOT NULL REFERENCES accounts (account), name TEXT NOT NULL, api BIGINT NOT NULL,"     \
    " scopes BIGINT NOT NULL, created_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL);"            \
    "CREATE INDEX tokens_account ON tokens (account, api);"                                        \
    "CREATE TABLE idempotency (account TEXT NOT NULL, key TEXT NOT NULL, request " BYTES " NOT NULL,"    \
    " status BIGINT NOT NULL, body TEXT NOT NULL, at_ms BIGINT NOT NULL, PRIMARY KEY (account, key));"   \
    "CREATE INDEX idempotency_at ON idempotency (at_ms);"                                          \
    "CREATE TABLE trust (version BIGINT PRIMARY KEY, envelope TEXT NOT NULL, hash " BYTES " NOT NULL,"   \
    " at_ms BIGINT NOT NULL);"                                                                     \
    /* who speaks for which site, from the trust document at hand */                               \
    "CREATE TABLE holders (account TEXT NOT NULL, site TEXT NOT NULL, PRIMARY KEY (account, site));"      \
    /* sites: certificate is in use; next was issued by a renewal and takes over at its first use */     \
    "CREATE TABLE sites (site TEXT PRIMARY KEY, title TEXT NOT NULL, enrol_hash " BYTES ","        \
    " enrol_expires_ms BIGINT NOT NULL, certificate " BYTES ", certificate_ends_ms BIGINT NOT NULL,"     \
    " next " BYTES ", next_ends_ms BIGINT NOT NULL, created_ms BIGINT NOT NULL,"                   \
    " enrolled_ms BIGINT NOT NULL);"                                                               \
    "CREATE TABLE catalogue (dataset TEXT NOT NULL, site TEXT NOT NULL REFERENCES sites (site),"   \
    " edition TEXT NOT NULL, snapshot_at_ms BIGINT NOT NULL, dictionary TEXT NOT NULL,"            \
    " hash " BYTES " NOT NULL, at_ms BIGINT NOT NULL, PRIMARY KEY (dataset, site));"               \
    /* who may see an application or a permit: kind 0 an account, kind 1 a site */                 \
    "CREATE TABLE parties (document TEXT NOT NULL, kind BIGINT NOT NULL, name TEXT NOT NULL,"      \
    " PRIMARY KEY (document, kind, name));"                                                        \
    "CREATE INDEX parties_name ON parties (kind, name);"                                           \
    "CREATE TABLE applications (id TEXT PRIMARY KEY, account TEXT NOT NULL, state TEXT NOT NULL,"  \
    " body TEXT NOT NULL, created_ms BIGINT NOT NULL, decided_ms BIGINT NOT NULL,"                 \
    " decided_by TEXT NOT NULL, reason TEXT NOT NULL, permit TEXT NOT NULL);"                      \
    "CREATE TABLE opinions (application TEXT NOT NULL REFERENCES applications (id),"               \
    " site TEXT NOT NULL, account TEXT NOT NULL, opinion TEXT NOT NULL, text TEXT NOT NULL,"       \
    " at_ms BIGINT NOT NULL, PRIMARY KEY (application, site));"                                    \
    /* permits: state as in core/permits.h; envelope is '' while it is a draft */                  \
    "CREATE TABLE permits (id TEXT PRIMARY KEY, application TEXT NOT NULL REFERENCES applications (id)," \
    " state BIGINT NOT NULL, serial BIGINT NOT NULL, payload TEXT NOT NULL, hash " BYTES " NOT NULL,"    \
    " envelope TEXT NOT NULL, from_ms BIGINT NOT NULL, to_ms BIGINT NOT NULL,"                     \
    " created_ms BIGINT NOT NULL, changed_ms BIGINT NOT NULL);"                                    \
    "CREATE INDEX permits_state ON permits (state, to_ms);"                                        \
    "CREATE TABLE permit_signatures (permit TEXT NOT NULL REFERENCES permits (id),"                \
    " keyid TEXT NOT NULL, account TEXT NOT NULL, sig " BYTES " NOT NULL, at_ms BIGINT NOT NULL,"  \
    " PRIMARY KEY (permit, keyid));"                                                               \
    "CREATE TABLE queries (id TEXT PRIMARY KEY, account TEXT NOT NULL,"                            \
    " permit TEXT NOT NULL REFERENCES permits (id), state BIGINT NOT NULL, dataset TEXT NOT NULL," \
    " envelope TEXT NOT NULL, hash " BYTES " NOT NULL, question TEXT NOT NULL,"                    \
    " question_hash " BYTES " NOT NULL, created_ms BIGINT NOT NULL, deadline_ms BIGINT NOT NULL,"  \
    " finished_ms BIGINT NOT NULL, result TEXT NOT NULL, entry BIGINT NOT NULL);"                  \
    "CREATE INDEX queries_account ON queries (account, state);"                                    \
    "CREATE INDEX queries_open ON queries (state, deadline_ms);"                                   \
    "CREATE INDEX queries_permit ON queries (permit, state);"                                      \
    "CREATE TABLE tasks (id TEXT PRIMARY KEY, query TEXT NOT NULL REFERENCES queries (id),"        \
    " site TEXT NOT NULL, state BIGINT NOT NULL, entry BIGINT NOT NULL, issued_ms BIGINT NOT NULL,"      \
    " expires_ms BIGINT NOT NULL, result TEXT NOT NULL, result_hash " BYTES ","                    \
    " result_entry BIGINT NOT NULL);"                                                              \
    "CREATE INDEX tasks_site ON tasks (site, state);"                                              \
    "CREATE INDEX tasks_query ON tasks (query);"

/* The log's search index, derived and rebuildable; salts and free texts, apart from what refers to them.
 * A table that is looked up by its key alone is stored by it, where the backend must be told. */
#define STEP_2(BYTES, BY_KEY)                                                                      \
    "CREATE TABLE log_terms (term TEXT NOT NULL, idx BIGINT NOT NULL, PRIMARY KEY (term, idx))" BY_KEY ";" \
    "CREATE TABLE log_indexed (one BIGINT PRIMARY KEY, size BIGINT NOT NULL);"                     \
    "CREATE INDEX accounts_organisation ON accounts (organisation);"                              \
    "CREATE TABLE texts (commitment " BYTES " PRIMARY KEY, document TEXT NOT NULL, account TEXT NOT NULL," \
    " kind TEXT NOT NULL, salt " BYTES ", text TEXT, at_ms BIGINT NOT NULL);"                      \
    "CREATE INDEX texts_document ON texts (document);"                                             \
    "CREATE INDEX texts_account ON texts (account);"

/* The workflow: versions, clocks, members, history; a decided application says how in `outcome`. */
static const char step_3[] =
    "ALTER TABLE applications ADD COLUMN version BIGINT NOT NULL DEFAULT 1;"
    "ALTER TABLE applications ADD COLUMN changed_ms BIGINT NOT NULL DEFAULT 0;"
    "ALTER TABLE applications ADD COLUMN received_ms BIGINT NOT NULL DEFAULT 0;"     /* 0: never submitted */
    "ALTER TABLE applications ADD COLUMN due_ms BIGINT NOT NULL DEFAULT 0;"          /* 0: the clock stands or was not started */
    "ALTER TABLE applications ADD COLUMN left_ms BIGINT NOT NULL DEFAULT 0;"         /* of a clock that stands */
    "ALTER TABLE applications ADD COLUMN extended BIGINT NOT NULL DEFAULT 0;"
    "ALTER TABLE applications ADD COLUMN opinions_due_ms BIGINT NOT NULL DEFAULT 0;"
    "ALTER TABLE applications ADD COLUMN answer_due_ms BIGINT NOT NULL DEFAULT 0;"
    "ALTER TABLE applications ADD COLUMN outcome TEXT NOT NULL DEFAULT '';"          /* granted, refused */
    "ALTER TABLE applications ADD COLUMN origin TEXT NOT NULL DEFAULT 'granted';"    /* amended, renewed: of `succeeds` */
    "ALTER TABLE applications ADD COLUMN succeeds TEXT NOT NULL DEFAULT '';"
    "UPDATE applications SET received_ms = created_ms, changed_ms = created_ms;"
    "UPDATE applications SET outcome = state, state = 'decided' WHERE state IN ('granted', 'refused');"
    "CREATE INDEX applications_state ON applications (state, changed_ms);"
    "CREATE INDEX applications_received ON applications (received_ms);"
    "CREATE TABLE application_members (application TEXT NOT NULL REFERENCES applications (id),"
    " account TEXT NOT NULL, accepted_ms BIGINT NOT NULL, PRIMARY KEY (application, account));"
    "CREATE TABLE application_events (application TEXT NOT NULL REFERENCES applications (id),"
    " version BIGINT NOT NULL, at_ms BIGINT NOT NULL, account TEXT NOT NULL, command TEXT NOT NULL,"
    " state TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (application, version));"
    "ALTER TABLE permits ADD COLUMN origin TEXT NOT NULL DEFAULT 'granted';"
    "ALTER TABLE permits ADD COLUMN succeeds TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE permits ADD COLUMN renewals BIGINT NOT NULL DEFAULT 0;"             /* how often its line was renewed */
    "ALTER TABLE permits ADD COLUMN renewed_by TEXT NOT NULL DEFAULT '';";
/* Opt-outs on their way (sealed: '' as soon as the site has it), and which list each site keeps. */
#define STEP_OPTOUTS(BYTES)                                                                        \
    "CREATE TABLE optouts (id TEXT NOT NULL, action TEXT NOT NULL, site TEXT NOT NULL,"            \
    " state BIGINT NOT NULL, sealed TEXT NOT NULL, created_ms BIGINT NOT NULL, done_ms BIGINT NOT NULL," \
    " PRIMARY KEY (id, action, site));"                                                            \
    "CREATE INDEX optouts_site ON optouts (site, state);"                                          \
    "CREATE TABLE optout_lists (site TEXT PRIMARY KEY, version BIGINT NOT NULL,"                   \
    " hash " BYTES " NOT NULL, at_ms BIGINT NOT NULL);"

/* Enquiries, with their history; `application`: what was made of it. */
static const char step_enquiries[] =
    "CREATE TABLE enquiries (id TEXT PRIMARY KEY, account TEXT NOT NULL, state TEXT NOT NULL, body TEXT NOT NULL,"
    " created_ms BIGINT NOT NULL, changed_ms BIGINT NOT NULL, version BIGINT NOT NULL, application TEXT NOT NULL);"
    "CREATE INDEX enquiries_account ON enquiries (account, state);"
    "CREATE INDEX enquiries_created ON enquiries (created_ms);"
    "CREATE INDEX enquiries_application ON enquiries (application);"
    "CREATE TABLE enquiry_events (enquiry TEXT NOT NULL REFERENCES enquiries (id),"
    " version BIGINT NOT NULL, at_ms BIGINT NOT NULL, account TEXT NOT NULL, command TEXT NOT NULL,"
    " state TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (enquiry, version));"
    "CREATE INDEX applications_decided ON applications (decided_ms);";
/* Lists of a store with many applications: each walks along an index in the order in which it is shown. */
static const char step_lists[] =
    "ALTER TABLE parties ADD COLUMN created_ms BIGINT NOT NULL DEFAULT 0;"           /* the document's */
    "UPDATE parties SET created_ms = COALESCE((SELECT a.created_ms FROM applications a WHERE a.id = document),"
    " (SELECT p.created_ms FROM permits p WHERE p.id = document), 0);"
    "DROP INDEX parties_name;"
    "CREATE INDEX parties_name ON parties (kind, name, created_ms DESC, document);"
    "DROP INDEX applications_received;"
    "CREATE INDEX applications_received ON applications (received_ms DESC, id);"
    "CREATE INDEX applications_created ON applications (created_ms DESC, id);"
    "CREATE INDEX applications_in_state ON applications (state, created_ms DESC, id);"
    "CREATE INDEX applications_account ON applications (account);"
    "CREATE INDEX application_events_account ON application_events (account);"
    "CREATE INDEX permits_created ON permits (created_ms DESC, id);";
/* When a task waits for its site's holder: until when.  What each site said of itself last. */
#define STEP_HOLDERS(BYTES)                                                                        \
    "ALTER TABLE tasks ADD COLUMN waits_ms BIGINT NOT NULL DEFAULT 0;"                             \
    "CREATE TABLE site_said (site TEXT PRIMARY KEY, paused BIGINT NOT NULL, blocked TEXT NOT NULL,"      \
    " rules_version BIGINT NOT NULL, rules_hash " BYTES " NOT NULL);"
/* The newest checkpoint that a majority of the witnesses has cosigned, as it is published. */
#define STEP_COSIGNED(BYTES) \
    "CREATE TABLE log_cosigned (one BIGINT PRIMARY KEY, size BIGINT NOT NULL, note " BYTES " NOT NULL);"

/* Fees, grounds, appeals, and what the yearly report counts by; the search index is made anew, with applications. */
#define STEP_CASES(PURPOSE, FORM)                                                                  \
    "ALTER TABLE applications ADD COLUMN fee BIGINT NOT NULL DEFAULT -1;"         /* -1: none was estimated */ \
    "ALTER TABLE applications ADD COLUMN fee_agreed BIGINT NOT NULL DEFAULT -1;"                   \
    "ALTER TABLE applications ADD COLUMN ground TEXT NOT NULL DEFAULT '';"                         \
    "ALTER TABLE applications ADD COLUMN appealed_ms BIGINT NOT NULL DEFAULT 0;"                   \
    "ALTER TABLE applications ADD COLUMN purpose TEXT NOT NULL DEFAULT '';"                        \
    "ALTER TABLE applications ADD COLUMN form TEXT NOT NULL DEFAULT 'request-1';"                  \
    "UPDATE applications SET ground = 'other' WHERE outcome = 'refused';"                          \
    "UPDATE applications SET purpose = COALESCE(" PURPOSE ", ''), form = COALESCE(" FORM ", 'request-1');" \
    "DELETE FROM log_terms; DELETE FROM log_indexed;"
/* The index learns whom entries concern: it is made again at the next start. */
static const char step_concerned[] = "DELETE FROM log_terms; DELETE FROM log_indexed;";

/* Files of an application.  The log has the commitment; salt, hash and content go when it is removed or erased. */
#define STEP_ATTACHMENTS(BYTES)                                                                    \
    "CREATE TABLE attachments (id TEXT PRIMARY KEY, application TEXT NOT NULL REFERENCES applications (id)," \
    " account TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL, size BIGINT NOT NULL, at_ms BIGINT NOT NULL," \
    " commitment " BYTES " NOT NULL, salt " BYTES ", sha256 " BYTES ", content " BYTES ");"        \
    "CREATE INDEX attachments_application ON attachments (application);"                           \
    "CREATE INDEX attachments_account ON attachments (account);"
/* Who may ask: rules, organisations, training and terms; the assessment that an application was decided on. */
#define STEP_ACCESS(BYTES)                                                                         \
    "CREATE TABLE access_rules (version BIGINT PRIMARY KEY, body TEXT NOT NULL, hash " BYTES " NOT NULL, at_ms BIGINT NOT NULL);" \
    "CREATE TABLE organisations (id TEXT PRIMARY KEY, body TEXT NOT NULL, at_ms BIGINT NOT NULL);" \
    "CREATE TABLE attestations (account TEXT NOT NULL, terms BIGINT NOT NULL, name TEXT NOT NULL," \
    " at_ms BIGINT NOT NULL, until_ms BIGINT NOT NULL, by_account TEXT NOT NULL, PRIMARY KEY (account, terms, name));" \
    "CREATE TABLE assessments (application TEXT PRIMARY KEY REFERENCES applications (id), at_ms BIGINT NOT NULL," \
    " account TEXT NOT NULL, assessment TEXT NOT NULL, deviation TEXT NOT NULL);"                  \
    "CREATE INDEX assessments_account ON assessments (account);"
/* Why nothing came of a task: what the broker knows of it (JSON), '' where the site itself said something. */
static const char step_reason[] = "ALTER TABLE tasks ADD COLUMN reason TEXT NOT NULL DEFAULT '';";

/* Notifications: where accounts want them, those owed, and of which deadlines people were reminded. */
static const char step_outbox[] =
    "ALTER TABLE accounts ADD COLUMN mail TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE accounts ADD COLUMN language TEXT NOT NULL DEFAULT 'nb';"
    "CREATE TABLE outbox (id TEXT PRIMARY KEY, account TEXT NOT NULL, kind TEXT NOT NULL, document TEXT NOT NULL,"
    " mark BIGINT NOT NULL, due_ms BIGINT NOT NULL, state BIGINT NOT NULL, tries BIGINT NOT NULL,"
    " next_ms BIGINT NOT NULL, created_ms BIGINT NOT NULL, done_ms BIGINT NOT NULL);" /* done_ms: the last try's end; 0: none ended yet */
    "CREATE UNIQUE INDEX outbox_once ON outbox (account, document, kind, mark);"
    "CREATE INDEX outbox_next ON outbox (state, next_ms);"
    "CREATE TABLE reminders (document TEXT NOT NULL, kind TEXT NOT NULL, due_ms BIGINT NOT NULL,"
    " PRIMARY KEY (document, kind, due_ms));"
    "CREATE INDEX holders_site ON holders (site);";

/* How many persons a site lets the catalogue say it has (JSON, '' for not); what each site said last of a permit's budget,
 * in millionths: of a variable, or of rho where the variable is ''. */
static const char step_figures[] =
    "ALTER TABLE catalogue ADD COLUMN persons TEXT NOT NULL DEFAULT '';"
    "CREATE TABLE budgets_told (permit TEXT NOT NULL, dataset TEXT NOT NULL, site TEXT NOT NULL, variable TEXT NOT NULL,"
    " left_micro BIGINT NOT NULL, at_ms BIGINT NOT NULL, PRIMARY KEY (permit, dataset, site, variable));"
    "CREATE INDEX queries_about ON queries (permit, dataset);";

const char *schema_step(unsigned version, bool bytea)
{
    switch (version) {
    case 0: return bytea ? STEP_1("BYTEA") : STEP_1("BLOB");
    case 1: return bytea ? STEP_2("BYTEA", "") : STEP_2("BLOB", " WITHOUT ROWID");
    case 2: return step_3;
    case 3: return bytea ? STEP_OPTOUTS("BYTEA") : STEP_OPTOUTS("BLOB");
    case 4: return step_enquiries;
    case 5: return step_lists;
    case 6: return bytea ? STEP_HOLDERS("BYTEA") : STEP_HOLDERS("BLOB");
    case 7: return bytea ? STEP_COSIGNED("BYTEA") : STEP_COSIGNED("BLOB");
    case 8: return bytea ? STEP_CASES("CAST(body AS json) ->> 'purpose'", "CAST(body AS json) ->> 'form'")
                         : STEP_CASES("json_extract(body, '$.purpose')", "json_extract(body, '$.form')");
    case 9: return step_concerned;
    case 10: return bytea ? STEP_ATTACHMENTS("BYTEA") : STEP_ATTACHMENTS("BLOB");
    case 11: return bytea ? STEP_ACCESS("BYTEA") : STEP_ACCESS("BLOB");
    case 12: return step_reason;
    case 13: return step_outbox;
    case 14: return step_figures;
    default: abort(); /* SCHEMA_VERSIONS and this switch are changed together */
    }
}
