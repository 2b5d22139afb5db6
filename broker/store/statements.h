/*
 * statements.h - every statement the broker puts to its store, numbered and named, in one table.
 * Portable SQL: the common subset of SQLite 3.40 and PostgreSQL 15, parameters $1 to $16.
 * Columns are read by position: the order here is the order of the getters at the caller.
 */
#ifndef INNSYN_BROKER_STORE_STATEMENTS_H
#define INNSYN_BROKER_STORE_STATEMENTS_H

#include <stdbool.h>

/* One more condition of a search; an empty term is none. */
#define LOG_TERM(n) " AND (" n " = '' OR EXISTS (SELECT 1 FROM log_terms x WHERE x.term = " n " AND x.idx = t.idx))"

#define LOG_TERMS_MORE \
    LOG_TERM("$4") LOG_TERM("$5") LOG_TERM("$6") LOG_TERM("$7") LOG_TERM("$8") LOG_TERM("$9") LOG_TERM("$10") LOG_TERM("$11") LOG_TERM("$12")

/* The rest of a list that is newest first, after the row at $1 (= $2) and $3.  Two conditions: the first is the
 * index's range, without which a page deep down would walk through all before it. */
#define NEWER_THAN(at, id) " AND " at " <= $1 AND (" at " < $2 OR " id " > $3)"

#define STATEMENTS(S)                                                                                                  \
    S(PING, "SELECT 1")                                                                                                \
    S(SCHEMA_VERSION, "SELECT version FROM schema_version WHERE one = 1")                                              \
    S(SCHEMA_SET, "INSERT INTO schema_version (one, version) VALUES (1, $1)"                                           \
                  " ON CONFLICT (one) DO UPDATE SET version = excluded.version")                                       \
    S(MARK_SET, "INSERT INTO batch_mark (one, mark) VALUES (1, $1)"                                                    \
                " ON CONFLICT (one) DO UPDATE SET mark = excluded.mark")                                               \
    S(MARK_GET, "SELECT mark FROM batch_mark WHERE one = 1")                                                           \
    /* --- log --- */                                                                                                  \
    S(LOG_APPEND, "INSERT INTO log_entries (idx, at_ms, type, body, leaf) VALUES ($1, $2, $3, $4, $5)")                \
    S(LOG_NODE_PUT, "INSERT INTO log_nodes (level, idx, hash) VALUES ($1, $2, $3)")                                    \
    S(LOG_NODE_GET, "SELECT hash FROM log_nodes WHERE level = $1 AND idx = $2")                                        \
    S(LOG_ENTRY, "SELECT body, leaf, at_ms FROM log_entries WHERE idx = $1")                                           \
    S(LOG_LAST, "SELECT idx, at_ms FROM log_entries ORDER BY idx DESC LIMIT 1")                                        \
    S(LOG_RANGE, "SELECT body FROM log_entries WHERE idx >= $1 AND idx < $2 ORDER BY idx")                             \
    S(LOG_LEAVES, "SELECT leaf FROM log_entries WHERE idx >= $1 AND idx < $2 ORDER BY idx")                            \
    S(LOG_NODES, "SELECT hash FROM log_nodes WHERE level = $1 AND idx >= $2 AND idx < $3 ORDER BY idx")                \
    S(LOG_COSIGNED_GET, "SELECT size, note FROM log_cosigned WHERE one = 1")                                           \
    S(LOG_COSIGNED_PUT, "INSERT INTO log_cosigned (one, size, note) VALUES (1, $1, $2)"                                \
      " ON CONFLICT (one) DO UPDATE SET size = excluded.size, note = excluded.note")                                   \
    /* --- the log's search index --- */                                                                               \
    S(LOG_AT, "SELECT at_ms FROM log_entries WHERE idx = $1")                                                          \
    S(LOG_INDEXED, "SELECT size FROM log_indexed WHERE one = 1")                                                       \
    S(LOG_INDEXED_SET, "INSERT INTO log_indexed (one, size) VALUES (1, $1)"                                            \
      " ON CONFLICT (one) DO UPDATE SET size = excluded.size")                                                         \
    S(LOG_TERMS_CLEAR, "DELETE FROM log_terms")                                                                        \
    S(LOG_TERMS_ADD, "INSERT INTO log_terms (term, idx) SELECT column1, CAST($1 AS BIGINT) FROM"                       \
      " (VALUES ($2),($3),($4),($5),($6),($7),($8),($9),($10),($11),($12),($13)) AS v"                                 \
      " WHERE column1 <> '' ON CONFLICT (term, idx) DO NOTHING")                                                       \
    S(LOG_TERM_COUNT, "SELECT count(*) FROM (SELECT 1 FROM log_terms WHERE term = $1 AND idx >= $2 AND idx < $3"       \
      " LIMIT $4) AS few")                                                                                            \
    S(LOG_TERM_NTH, "SELECT idx FROM log_terms WHERE term = $1 AND idx >= $2 AND idx < $3 ORDER BY idx DESC LIMIT 1 OFFSET $4") \
    S(LOG_TERM_NTH_UP, "SELECT idx FROM log_terms WHERE term = $1 AND idx >= $2 AND idx < $3 ORDER BY idx LIMIT 1 OFFSET $4") \
    S(LOG_SEARCH, "SELECT t.idx, e.body FROM log_terms t JOIN log_entries e ON e.idx = t.idx WHERE t.term = $1"        \
      " AND t.idx >= $2 AND t.idx < $3" LOG_TERMS_MORE                                                                  \
      " ORDER BY t.idx DESC LIMIT $13")                                                                                \
    S(LOG_PAGE, "SELECT idx, body FROM log_entries WHERE idx >= $1 AND idx < $2"                                       \
      " ORDER BY idx DESC LIMIT $3")                                                                                   \
    S(LOG_SEARCH_UP, "SELECT t.idx, e.body FROM log_terms t JOIN log_entries e ON e.idx = t.idx WHERE t.term = $1"     \
      " AND t.idx >= $2 AND t.idx < $3" LOG_TERMS_MORE                                                                  \
      " ORDER BY t.idx ASC LIMIT $13")                                                                                 \
    S(LOG_PAGE_UP, "SELECT idx, body FROM log_entries WHERE idx >= $1 AND idx < $2"                                    \
      " ORDER BY idx ASC LIMIT $3")                                                                                    \
    S(ACCOUNTS_OF_ORGANISATION, "SELECT account FROM accounts WHERE organisation = $1 ORDER BY account LIMIT $2")      \
    /* --- free texts, and their erasure --- */                                                                        \
    S(TEXT_ADD, "INSERT INTO texts (commitment, document, account, kind, salt, text, at_ms)"                           \
      " VALUES ($1, $2, $3, $4, $5, $6, $7)")                                                                          \
    S(TEXTS_OF_ACCOUNT_ERASE, "UPDATE texts SET salt = NULL, text = NULL WHERE account = $1 AND salt IS NOT NULL RETURNING commitment")\
    S(TEXTS_OF_DOCUMENT_ERASE, "UPDATE texts SET salt = NULL, text = NULL WHERE document = $1 AND salt IS NOT NULL RETURNING commitment")\
    S(APPLICATIONS_OF_ACCOUNT, "SELECT id, body FROM applications WHERE account = $1 ORDER BY id LIMIT $2")            \
    S(APPLICATION_OF_ID, "SELECT id, body FROM applications WHERE id = $1 LIMIT $2")                                   \
    S(APPLICATION_BODY, "UPDATE applications SET body = $2 WHERE id = $1")                                             \
    S(OPINIONS_OF_ACCOUNT_ERASE, "UPDATE opinions SET text = '' WHERE account = $1")                                   \
    S(OPINIONS_OF_DOCUMENT_ERASE, "UPDATE opinions SET text = '' WHERE application = $1")                              \
    S(DECISIONS_OF_ACCOUNT_ERASE, "UPDATE applications SET reason = '' WHERE decided_by = $1")                         \
    S(DECISION_OF_DOCUMENT_ERASE, "UPDATE applications SET reason = '' WHERE id = $1")                                 \
    S(TOKENS_OF_ACCOUNT_DROP, "DELETE FROM tokens WHERE account = $1")                                                 \
    S(ACCOUNT_ERASE, "UPDATE accounts SET organisation = '', mail = '', password = 'erased' WHERE account = $1")                  \
    /* --- accounts and tokens --- */                                                                                  \
    S(ACCOUNT_ADD, "INSERT INTO accounts (account, password, roles, organisation, key, created_ms)"                   \
                   " VALUES ($1, $2, $3, $4, $5, $6)"                                                                  \
                   " ON CONFLICT (account) DO NOTHING RETURNING account")                                              \
    S(ACCOUNT_GET, "SELECT password, roles, organisation, key, created_ms"                                            \
                   " FROM accounts WHERE account = $1")                                                                \
    S(ACCOUNT_LIST, "SELECT account, roles, organisation, key, created_ms FROM accounts WHERE account > $1"            \
                    " ORDER BY account LIMIT $2")                                                                      \
    S(ACCOUNT_WITH_ROLE, "SELECT account FROM accounts WHERE (roles & $1) <> 0 LIMIT 1")                               \
    S(TOKEN_ADD, "INSERT INTO tokens (hash, id, account, name, api, scopes, created_ms, expires_ms)"                   \
                 " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")                                                           \
    S(TOKEN_GET, "SELECT t.id, t.account, t.api, t.scopes, t.expires_ms, a.roles FROM tokens t"                        \
                 " JOIN accounts a ON a.account = t.account WHERE t.hash = $1")                                        \
    S(TOKEN_LIST, "SELECT id, name, scopes, created_ms, expires_ms FROM tokens WHERE account = $1 AND api = 1"         \
                  " AND id > $2 ORDER BY id LIMIT $3")                                                                 \
    S(TOKEN_COUNT, "SELECT count(*) FROM tokens WHERE account = $1 AND api = $2 AND expires_ms > $3")                  \
    S(TOKEN_OLDEST_DROP, "DELETE FROM tokens WHERE hash IN (SELECT hash FROM tokens WHERE account = $1 AND api = 0"    \
                         " ORDER BY created_ms LIMIT 1)")                                                              \
    S(TOKEN_DROP, "DELETE FROM tokens WHERE id = $1 AND account = $2 RETURNING id")                                    \
    S(TOKEN_SWEEP, "DELETE FROM tokens WHERE expires_ms < $1")                                                         \
    S(IDEMPOTENCY_GET, "SELECT request, status, body FROM idempotency WHERE account = $1 AND key = $2")                \
    S(IDEMPOTENCY_PUT, "INSERT INTO idempotency (account, key, request, status, body, at_ms)"                          \
                       " VALUES ($1, $2, $3, $4, $5, $6)")                                                             \
    S(IDEMPOTENCY_SWEEP, "DELETE FROM idempotency WHERE at_ms < $1")                                                   \
    /* --- trust and sites --- */                                                                                      \
    S(TRUST_PUT, "INSERT INTO trust (version, envelope, hash, at_ms) VALUES ($1, $2, $3, $4)")                         \
    S(TRUST_LAST, "SELECT version, envelope FROM trust ORDER BY version DESC LIMIT 1")                                 \
    S(TRUST_ALL, "SELECT version, envelope FROM trust ORDER BY version")                                               \
    S(HOLDERS_CLEAR, "DELETE FROM holders")                                                                            \
    S(HOLDER_ADD, "INSERT INTO holders (account, site) VALUES ($1, $2) ON CONFLICT (account, site) DO NOTHING")        \
    S(HOLDER_SITES, "SELECT site FROM holders WHERE account = $1 ORDER BY site")                                       \
    S(SITE_ADD, "INSERT INTO sites (site, title, enrol_expires_ms, certificate_ends_ms, next_ends_ms, created_ms,"     \
                " enrolled_ms) VALUES ($1, $2, 0, 0, 0, $3, 0) ON CONFLICT (site) DO UPDATE SET title = excluded.title") \
    S(SITE_SAID_GET, "SELECT paused, blocked, rules_version, rules_hash FROM site_said WHERE site = $1")               \
    S(SITE_SAID_PUT, "INSERT INTO site_said (site, paused, blocked, rules_version, rules_hash)"                        \
                     " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (site) DO UPDATE SET paused = excluded.paused,"         \
                     " blocked = excluded.blocked, rules_version = excluded.rules_version,"                            \
                     " rules_hash = excluded.rules_hash")                                                              \
    S(SITE_TOKEN, "UPDATE sites SET enrol_hash = $2, enrol_expires_ms = $3 WHERE site = $1")                           \
    S(SITE_GET, "SELECT title, enrol_hash, enrol_expires_ms, certificate, certificate_ends_ms, next, next_ends_ms,"    \
                " created_ms, enrolled_ms FROM sites WHERE site = $1")                                                 \
    S(SITE_LIST, "SELECT site, title, enrol_expires_ms, certificate_ends_ms, created_ms, enrolled_ms FROM sites"       \
                 " WHERE site > $1 ORDER BY site LIMIT $2")                                                            \
    S(SITE_ENROLLED, "UPDATE sites SET enrol_hash = NULL, enrol_expires_ms = 0, certificate = $2,"                     \
                     " certificate_ends_ms = $3, next = NULL, next_ends_ms = 0, enrolled_ms = $4 WHERE site = $1")     \
    S(SITE_NEXT, "UPDATE sites SET next = $2, next_ends_ms = $3 WHERE site = $1")                                      \
    S(SITE_PROMOTE, "UPDATE sites SET certificate = next, certificate_ends_ms = next_ends_ms, next = NULL,"            \
                    " next_ends_ms = 0 WHERE site = $1 AND next IS NOT NULL")                                          \
    /* --- catalogue --- */                                                                                            \
    S(CATALOGUE_PUT, "INSERT INTO catalogue (dataset, site, edition, snapshot_at_ms, dictionary, hash, at_ms, persons)" \
                     " VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (dataset, site) DO UPDATE SET"              \
                     " edition = excluded.edition, snapshot_at_ms = excluded.snapshot_at_ms,"                          \
                     " dictionary = excluded.dictionary, hash = excluded.hash, at_ms = excluded.at_ms,"                \
                     " persons = excluded.persons")                                                                    \
    S(CATALOGUE_OF_SITE, "SELECT dataset, edition, hash FROM catalogue WHERE site = $1 ORDER BY dataset")              \
    S(CATALOGUE_DROP, "DELETE FROM catalogue WHERE dataset = $1 AND site = $2")                                        \
    S(CATALOGUE_LIST, "SELECT DISTINCT dataset FROM catalogue WHERE dataset > $1 ORDER BY dataset LIMIT $2")           \
    S(CATALOGUE_DATASET, "SELECT site, edition, snapshot_at_ms, dictionary, hash, persons FROM catalogue WHERE dataset = $1" \
                         " ORDER BY site")                                                                             \
    S(CATALOGUE_SITES, "SELECT site FROM catalogue WHERE dataset = $1 ORDER BY site")                                  \
    /* --- applications and permits --- */                                                                             \
    /* created_ms: the document's, by which lists are sorted */                                                        \
    S(PARTY_ADD, "INSERT INTO parties (document, kind, name, created_ms) VALUES ($1, $2, $3, $4)"                      \
                 " ON CONFLICT (document, kind, name) DO NOTHING")                                                     \
    S(PARTY_LIST, "SELECT name FROM parties WHERE document = $1 AND kind = $2 ORDER BY name")                          \
    S(PARTY_IS, "SELECT 1 FROM parties p WHERE p.document = $1 AND ((p.kind = 0 AND p.name = $2) OR (p.kind = 1"       \
                " AND p.name IN (SELECT h.site FROM holders h WHERE h.account = $3))) LIMIT 1")                        \
    S(PARTY_CLEAR, "DELETE FROM parties WHERE document = $1")                                                          \
    S(APPLICATION_ADD, "INSERT INTO applications (id, account, state, body, created_ms, decided_ms, decided_by,"       \
                       " reason, permit, version, changed_ms, received_ms, origin, succeeds)"                          \
                       " VALUES ($1, $2, 'draft', $3, $4, 0, '', '', '', 1, $5, 0, $6, $7)")                           \
    S(APPLICATION_GET, "SELECT account, state, body, created_ms, decided_ms, decided_by, reason, permit, version,"     \
      " changed_ms, received_ms, due_ms, left_ms, extended, opinions_due_ms, answer_due_ms, outcome,"                  \
      " origin, succeeds, fee, fee_agreed, ground, appealed_ms FROM applications WHERE id = $1")                       \
    S(APPLICATION_LIST, "SELECT a.id, a.account, a.state, a.body, a.created_ms, a.permit, a.version, a.due_ms, a.outcome" \
                        " FROM applications a WHERE a.received_ms > 0" NEWER_THAN("a.created_ms", "a.id")              \
                        " ORDER BY a.created_ms DESC, a.id LIMIT $4")                                                  \
    S(APPLICATION_LIST_IN_STATE, "SELECT a.id, a.account, a.state, a.body, a.created_ms, a.permit, a.version, a.due_ms," \
                                 " a.outcome FROM applications a WHERE a.state = $5 AND a.received_ms > 0"             \
                                 NEWER_THAN("a.created_ms", "a.id") " ORDER BY a.created_ms DESC, a.id LIMIT $4")      \
    S(APPLICATION_HEAD, "SELECT id, account, state, body, created_ms, permit, version, due_ms, outcome"                \
                        " FROM applications WHERE id = $1")                                                            \
    S(APPLICATIONS_OF_PARTY, "SELECT p.document, p.created_ms FROM parties p CROSS JOIN applications a"                \
                             " WHERE a.id = p.document AND p.kind = $5 AND p.name = $6"                                \
                             NEWER_THAN("p.created_ms", "p.document")                                                  \
                             " AND (p.kind = 0 OR a.received_ms > 0) AND ($7 = '' OR a.state = $8)"                    \
                             " ORDER BY p.created_ms DESC, p.document LIMIT $4")                                       \
    S(APPLICATIONS_OF_HOLDER_IN_STATE, "SELECT a.id, a.created_ms FROM applications a WHERE a.state = $5"              \
                             " AND a.received_ms > 0" NEWER_THAN("a.created_ms", "a.id") " AND EXISTS"                 \
                             " (SELECT 1 FROM parties p WHERE p.document = a.id AND p.kind = 1 AND p.name IN"          \
                             " (SELECT h.site FROM holders h WHERE h.account = $6))"                                   \
                             " ORDER BY a.created_ms DESC, a.id LIMIT $4")                                             \
    S(APPLICATION_SET, "UPDATE applications SET state = $2, body = $3, version = $4, changed_ms = $5, received_ms = $6,"\
      " due_ms = $7, left_ms = $8, extended = $9, opinions_due_ms = $10, answer_due_ms = $11, fee = $12,"              \
      " fee_agreed = $13, appealed_ms = $14, purpose = $15, form = $16 WHERE id = $1")                                 \
    S(APPLICATION_DECIDE, "UPDATE applications SET outcome = $2, decided_ms = $3, decided_by = $4, reason = $5,"       \
      " permit = $6, ground = $7 WHERE id = $1")                                                                       \
    S(APPLICATION_APPLICANT, "UPDATE applications SET account = $2 WHERE id = $1")                                     \
    S(APPLICATIONS_IDLE, "SELECT id FROM applications WHERE state = 'draft' AND changed_ms <= $1"                      \
                         " ORDER BY changed_ms LIMIT $2")                                                              \
    S(REGISTER_LIST, "SELECT a.id, a.state, a.body, a.received_ms, a.decided_ms, a.outcome, a.reason, a.permit, a.origin," \
                     " c.organisation, a.ground FROM applications a JOIN accounts c ON c.account = a.account"          \
                     " WHERE a.received_ms > 0" NEWER_THAN("a.received_ms", "a.id")         \
                     " ORDER BY a.received_ms DESC, a.id LIMIT $4")                                                    \
    S(REPORT_BY_FORM, "SELECT form, count(*) FROM applications WHERE received_ms >= $1 AND received_ms < $2 AND received_ms > 0"\
      " GROUP BY form ORDER BY form")                                                                                  \
    S(REPORT_BY_PURPOSE, "SELECT purpose, count(*) FROM applications WHERE received_ms >= $1 AND received_ms < $2 AND received_ms > 0"\
      " GROUP BY purpose ORDER BY purpose")                                                                            \
    S(REPORT_BY_OUTCOME, "SELECT outcome, count(*) FROM applications WHERE decided_ms >= $1 AND decided_ms < $2"       \
      " GROUP BY outcome ORDER BY outcome")                                                                            \
    S(REPORT_BY_GROUND, "SELECT ground, count(*) FROM applications WHERE decided_ms >= $1 AND decided_ms < $2"         \
      " AND outcome = 'refused' GROUP BY ground ORDER BY ground")                                                      \
    S(REPORT_PERMITS, "SELECT origin, count(*) FROM permits WHERE created_ms >= $1 AND created_ms < $2 AND state <> 0" \
      " GROUP BY origin ORDER BY origin")                                                                              \
    S(REPORT_WITHDRAWN, "SELECT count(*) FROM applications WHERE state = 'withdrawn' AND received_ms > 0"              \
      " AND changed_ms >= $1 AND changed_ms < $2")                                                                     \
    S(REPORT_APPEALED, "SELECT count(*) FROM applications WHERE decided_ms > 0 AND appealed_ms >= $1 AND appealed_ms < $2")\
    S(REPORT_ENQUIRIES, "SELECT count(*) FROM enquiries WHERE created_ms >= $1 AND created_ms < $2")                   \
    /* --- attachments --- */                                                                                          \
    S(ATTACHMENT_ADD, "INSERT INTO attachments (id, application, account, name, type, size, at_ms, commitment, salt, sha256, content)"\
      " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)")                                                        \
    S(ATTACHMENT_LIST, "SELECT id, account, name, type, size, at_ms, sha256 FROM attachments WHERE application = $1"   \
      " AND salt IS NOT NULL ORDER BY at_ms, id LIMIT $2")                                                             \
    S(ATTACHMENT_OF, "SELECT application FROM attachments WHERE id = $1 AND salt IS NOT NULL")                         \
    S(ATTACHMENT_GET, "SELECT name, type, content FROM attachments WHERE id = $1 AND salt IS NOT NULL")                \
    S(ATTACHMENT_DROP, "UPDATE attachments SET salt = NULL, sha256 = NULL, content = NULL, name = ''"                  \
      " WHERE id = $1 AND application = $2 AND salt IS NOT NULL RETURNING id")                                         \
    S(ATTACHMENTS_OF_ACCOUNT_ERASE, "UPDATE attachments SET salt = NULL, sha256 = NULL, content = NULL, name = ''"     \
      " WHERE account = $1 AND salt IS NOT NULL RETURNING id")                                                         \
    S(ATTACHMENTS_OF_DOCUMENT_ERASE, "UPDATE attachments SET salt = NULL, sha256 = NULL, content = NULL, name = ''"    \
      " WHERE (application = $1 OR id = $1) AND salt IS NOT NULL RETURNING id")                                        \
    /* --- enquiries --- */                                                                                            \
    S(ENQUIRY_ADD, "INSERT INTO enquiries (id, account, state, body, created_ms, changed_ms, version, application)"    \
      " VALUES ($1, $2, 'open', $3, $4, $5, 1, '')")                                                                   \
    S(ENQUIRY_GET, "SELECT account, state, body, created_ms, version, application FROM enquiries WHERE id = $1")       \
    S(ENQUIRY_LIST, "SELECT id, account, state, body, created_ms, version, application FROM enquiries"                 \
      " WHERE (created_ms < $1 OR (created_ms = $2 AND id > $3)) AND ($4 = 1 OR account = $5)"                         \
      " ORDER BY created_ms DESC, id LIMIT $6")                                                                        \
    S(ENQUIRY_SET, "UPDATE enquiries SET state = $2, version = $3, changed_ms = $4, application = $5 WHERE id = $1")   \
    S(ENQUIRIES_OPEN_COUNT, "SELECT count(*) FROM enquiries WHERE account = $1 AND state IN ('open', 'answered')")     \
    S(ENQUIRY_OF_APPLICATION, "SELECT id FROM enquiries WHERE application = $1 LIMIT 1")                               \
    S(ENQUIRY_EVENT_ADD, "INSERT INTO enquiry_events (enquiry, version, at_ms, account, command, state, text)"         \
      " VALUES ($1, $2, $3, $4, $5, $6, $7)")                                                                          \
    S(ENQUIRY_EVENT_LIST, "SELECT version, at_ms, account, command, state, text FROM enquiry_events"                   \
      " WHERE enquiry = $1 AND version > $2 ORDER BY version LIMIT $3")                                                \
    S(ENQUIRIES_OF_ACCOUNT, "SELECT id, body FROM enquiries WHERE account = $1 ORDER BY id LIMIT $2")                  \
    S(ENQUIRY_OF_ID, "SELECT id, body FROM enquiries WHERE id = $1 LIMIT $2")                                          \
    S(ENQUIRY_BODY, "UPDATE enquiries SET body = $2 WHERE id = $1")                                                    \
    S(ENQUIRY_EVENTS_OF_ACCOUNT_ERASE, "UPDATE enquiry_events SET text = '' WHERE account = $1")                       \
    S(ENQUIRY_EVENTS_OF_DOCUMENT_ERASE, "UPDATE enquiry_events SET text = '' WHERE enquiry = $1")                      \
    S(DECIDED_COUNT, "SELECT count(*) FROM applications WHERE decided_ms >= $1 AND decided_ms < $2")                   \
    S(DECIDED_NTH, "SELECT decided_ms - received_ms FROM applications WHERE decided_ms >= $1 AND decided_ms < $2"      \
      " ORDER BY 1 LIMIT 2 OFFSET $3")                                                                                 \
    S(MEMBER_ADD, "INSERT INTO application_members (application, account, accepted_ms) VALUES ($1, $2, 0)"             \
                  " ON CONFLICT (application, account) DO NOTHING RETURNING account")                                  \
    S(MEMBER_ACCEPT, "UPDATE application_members SET accepted_ms = $3 WHERE application = $1 AND account = $2")        \
    S(MEMBER_DROP, "DELETE FROM application_members WHERE application = $1 AND account = $2")                          \
    S(MEMBER_LIST, "SELECT account, accepted_ms FROM application_members WHERE application = $1 ORDER BY account")     \
    S(EVENT_ADD, "INSERT INTO application_events (application, version, at_ms, account, command, state, text)"         \
                 " VALUES ($1, $2, $3, $4, $5, $6, $7)")                                                               \
    S(EVENT_LIST, "SELECT version, at_ms, account, command, state, text FROM application_events"                       \
                  " WHERE application = $1 AND version > $2 ORDER BY version LIMIT $3")                                \
    S(EVENTS_OF_ACCOUNT_ERASE, "UPDATE application_events SET text = '' WHERE account = $1")                           \
    S(EVENTS_OF_DOCUMENT_ERASE, "UPDATE application_events SET text = '' WHERE application = $1")                      \
    S(OPINION_CLEAR, "DELETE FROM opinions WHERE application = $1")                                                    \
    S(OPINION_PUT, "INSERT INTO opinions (application, site, account, opinion, text, at_ms)"                           \
                   " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (application, site) DO UPDATE SET"                    \
                   " account = excluded.account, opinion = excluded.opinion, text = excluded.text,"                    \
                   " at_ms = excluded.at_ms")                                                                          \
    S(OPINION_LIST, "SELECT site, account, opinion, text, at_ms FROM opinions WHERE application = $1 ORDER BY site")   \
    S(ASSESSMENT_PUT, "INSERT INTO assessments (application, at_ms, account, assessment, deviation)"                   \
      " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (application) DO UPDATE SET at_ms = excluded.at_ms,"                   \
      " account = excluded.account, assessment = excluded.assessment, deviation = excluded.deviation")                 \
    S(ASSESSMENT_GET, "SELECT at_ms, account, assessment, deviation FROM assessments WHERE application = $1")          \
    S(DEVIATIONS_OF_ACCOUNT_ERASE, "UPDATE assessments SET deviation = '' WHERE account = $1")                         \
    S(DEVIATION_OF_DOCUMENT_ERASE, "UPDATE assessments SET deviation = '' WHERE application = $1")                     \
    /* --- who may ask: rules, organisations, training and terms --- */                                                \
    S(RULES_ADD, "INSERT INTO access_rules (version, body, hash, at_ms) VALUES ($1, $2, $3, $4)")                      \
    S(RULES_LAST, "SELECT version, body, hash, at_ms FROM access_rules ORDER BY version DESC LIMIT 1")                 \
    S(ORGANISATION_PUT, "INSERT INTO organisations (id, body, at_ms) VALUES ($1, $2, $3)"                              \
      " ON CONFLICT (id) DO UPDATE SET body = excluded.body, at_ms = excluded.at_ms")                                  \
    S(ORGANISATION_GET, "SELECT body FROM organisations WHERE id = $1")                                                \
    S(ORGANISATION_LIST, "SELECT id, body FROM organisations WHERE id > $1 ORDER BY id LIMIT $2")                      \
    S(ATTESTATION_PUT, "INSERT INTO attestations (account, terms, name, at_ms, until_ms, by_account)"                  \
      " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (account, terms, name) DO UPDATE SET at_ms = excluded.at_ms,"      \
      " until_ms = excluded.until_ms, by_account = excluded.by_account")                                               \
    S(ATTESTATIONS_OF, "SELECT terms, name, at_ms, until_ms, by_account FROM attestations WHERE account = $1"          \
      " ORDER BY terms, name LIMIT $2")                                                                                \
    S(QUERIES_OF_PERMIT_COUNT, "SELECT count(*) FROM queries WHERE permit = $1")                                       \
    S(QUERIES_OF_PERMIT_ABOUT, "SELECT count(*) FROM queries WHERE permit = $1 AND dataset = $2")                      \
    S(QUERIES_OF_PERMIT_BY_DATASET, "SELECT dataset, count(*) FROM queries WHERE permit = $1 GROUP BY dataset ORDER BY dataset LIMIT $2") \
    S(BUDGET_TOLD_PUT, "INSERT INTO budgets_told (permit, dataset, site, variable, left_micro, at_ms) VALUES ($1, $2, $3, $4, $5, $6)" \
      " ON CONFLICT (permit, dataset, site, variable) DO UPDATE SET left_micro = excluded.left_micro, at_ms = excluded.at_ms" \
      " WHERE excluded.at_ms >= budgets_told.at_ms")                                                                   \
    S(BUDGETS_TOLD, "SELECT dataset, site, variable, left_micro, at_ms FROM budgets_told WHERE permit = $1"            \
      " ORDER BY dataset, site, variable LIMIT $2")                                                                    \
    S(PERMIT_ADD, "INSERT INTO permits (id, application, state, serial, payload, hash, envelope, from_ms, to_ms,"      \
                  " created_ms, changed_ms, origin, succeeds, renewals)"                                               \
                  " VALUES ($1, $2, 0, 0, $3, $4, '', $5, $6, $7, $8, $9, $10, $11)")                                  \
    S(PERMIT_GET, "SELECT application, state, serial, payload, hash, envelope, from_ms, to_ms, created_ms, changed_ms," \
                  " origin, succeeds, renewals, renewed_by FROM permits WHERE id = $1")                                \
    S(PERMIT_RENEWED, "UPDATE permits SET renewed_by = $2 WHERE id = $1")                                              \
    S(PERMIT_LIST, "SELECT a.id, a.application, a.state, a.payload, a.created_ms FROM permits a WHERE a.state >= 0"     \
                   NEWER_THAN("a.created_ms", "a.id") " ORDER BY a.created_ms DESC, a.id LIMIT $4")                    \
    S(PERMIT_HEAD, "SELECT id, application, state, payload, created_ms FROM permits WHERE id = $1")                    \
    S(PERMITS_OF_PARTY, "SELECT p.document, p.created_ms FROM parties p CROSS JOIN permits a"                          \
                        " WHERE a.id = p.document AND p.kind = $5 AND p.name = $6"                                     \
                        NEWER_THAN("p.created_ms", "p.document") " ORDER BY p.created_ms DESC, p.document LIMIT $4")   \
    S(PERMIT_SET, "UPDATE permits SET state = $2, serial = $3, envelope = $4, changed_ms = $5 WHERE id = $1")          \
    S(PERMITS_OF_SITE, "SELECT p.id, p.state, p.serial FROM permits p CROSS JOIN parties x WHERE x.document = p.id"    \
                       " AND x.kind = 1 AND x.name = $1 AND p.state IN (1, 2, 3, 4, 5) AND p.to_ms > $2"               \
                       " ORDER BY p.changed_ms DESC LIMIT $3")                                                         \
    S(PERMITS_ENDED, "SELECT id FROM permits WHERE state IN (1, 2) AND to_ms <= $1 ORDER BY id LIMIT $2")              \
    S(PERMITS_NEXT_END, "SELECT to_ms FROM (SELECT min(to_ms) AS to_ms FROM permits WHERE state = 1 UNION ALL"         \
                        " SELECT min(to_ms) FROM permits WHERE state = 2) AS ends WHERE to_ms IS NOT NULL"             \
                        " ORDER BY to_ms LIMIT 1")                                                                     \
    S(SIGNATURE_ADD, "INSERT INTO permit_signatures (permit, keyid, account, sig, at_ms) VALUES ($1, $2, $3, $4, $5)"  \
                     " ON CONFLICT (permit, keyid) DO NOTHING RETURNING keyid")                                        \
    S(SIGNATURE_LIST, "SELECT keyid, account, sig, at_ms FROM permit_signatures WHERE permit = $1 ORDER BY at_ms, keyid") \
    /* --- queries and tasks --- */                                                                                    \
    S(QUERY_ADD, "INSERT INTO queries (id, account, permit, state, dataset, envelope, hash, question, question_hash,"  \
                 " created_ms, deadline_ms, finished_ms, result, entry)"                                               \
                 " VALUES ($1, $2, $3, 0, $4, $5, $6, $7, $8, $9, $10, 0, '', -1)"                                     \
                 " ON CONFLICT (id) DO NOTHING RETURNING id")                                                          \
    S(QUERY_GET, "SELECT account, permit, state, dataset, envelope, hash, question, question_hash, created_ms,"        \
                 " deadline_ms, finished_ms, result, entry FROM queries WHERE id = $1")                                \
    S(QUERY_ACCOUNT, "SELECT account FROM queries WHERE id = $1")                                                      \
    S(QUERY_SITES, "SELECT site FROM tasks WHERE query = $1 ORDER BY site")                                            \
    S(QUERY_LIST, "SELECT a.id, a.account, a.permit, a.state, a.dataset, a.created_ms, a.finished_ms, a.question"      \
                  " FROM queries a WHERE (a.created_ms < $1 OR (a.created_ms = $2 AND a.id > $3))"                     \
                  " AND ($4 = 1 OR a.account = $5) ORDER BY a.created_ms DESC, a.id LIMIT $6")                         \
    S(QUERY_FINISH, "UPDATE queries SET state = $2, finished_ms = $3, result = $4, entry = $5 WHERE id = $1")          \
    S(QUERIES_OPEN_COUNT, "SELECT count(*) FROM queries WHERE account = $1 AND state = 0")                             \
    S(QUERIES_DUE, "SELECT id FROM queries WHERE state = 0 AND deadline_ms <= $1 ORDER BY deadline_ms LIMIT $2")       \
    S(QUERIES_NEXT_DUE, "SELECT deadline_ms FROM queries WHERE state = 0 ORDER BY deadline_ms LIMIT 1")                \
    S(QUERIES_OF_PERMIT, "SELECT id FROM queries WHERE permit = $1 AND state = 0 ORDER BY id LIMIT $2")                \
    S(TASK_ADD, "INSERT INTO tasks (id, query, site, state, entry, issued_ms, expires_ms, result, result_entry)"       \
                " VALUES ($1, $2, $3, 0, $4, $5, $6, '', -1)")                                                         \
    S(TASK_GET, "SELECT query, site, state, entry, issued_ms, expires_ms, result, result_hash, result_entry, waits_ms" \
                " FROM tasks WHERE id = $1")                                                                           \
    S(TASKS_OPEN, "SELECT t.id, t.query, t.entry, t.issued_ms, t.expires_ms, q.permit, q.envelope, q.hash"             \
                  " FROM tasks t JOIN queries q ON q.id = t.query WHERE t.site = $1 AND t.state = 0 AND t.waits_ms = 0" \
                  " ORDER BY t.entry LIMIT $2")                                                                        \
    S(TASKS_OF_QUERY, "SELECT id, site, state, entry, result, result_hash, waits_ms, reason FROM tasks WHERE query = $1" \
                      " ORDER BY site")                                                                                \
    S(TASK_REASON, "UPDATE tasks SET reason = $2 WHERE id = $1")                                                       \
    S(TASK_WAITS, "UPDATE tasks SET result = $2, waits_ms = $3, result_entry = $4 WHERE id = $1 AND state = 0")        \
    S(QUERY_EXTEND, "UPDATE queries SET deadline_ms = $2 WHERE id = $1 AND deadline_ms < $2")                          \
    S(TASK_FINISH, "UPDATE tasks SET state = $2, result = $3, result_hash = $4, result_entry = $5"                     \
                   " WHERE id = $1 AND state = 0")                                                                     \
    /* --- notifications --- */                                                                                        \
    S(CONTACT_GET, "SELECT mail, language FROM accounts WHERE account = $1")                                           \
    S(CONTACT_SET, "UPDATE accounts SET mail = $2, language = $3 WHERE account = $1")                                  \
    S(HOLDERS_OF_SITE, "SELECT account FROM holders WHERE site = $1 ORDER BY account")                                 \
    S(OUTBOX_ADD, "INSERT INTO outbox (id, account, kind, document, mark, due_ms, state, tries, next_ms, created_ms, done_ms)" \
      " VALUES ($1, $2, $3, $4, $5, $6, 0, 0, $7, $8, 0) ON CONFLICT (account, document, kind, mark) DO NOTHING")      \
    S(OUTBOX_FIRST, "SELECT o.id, o.account, o.kind, o.document, o.due_ms, o.tries, o.next_ms, a.mail, a.language FROM outbox o" \
      " JOIN accounts a ON a.account = o.account WHERE o.state = 0 ORDER BY o.next_ms LIMIT 1")                        \
    S(OUTBOX_GET, "SELECT account, kind, document, tries, state FROM outbox WHERE id = $1")                            \
    S(OUTBOX_TRY, "UPDATE outbox SET tries = $2, next_ms = $3, done_ms = 0 WHERE id = $1")                             \
    S(OUTBOX_SET, "UPDATE outbox SET state = $2, done_ms = $3 WHERE id = $1")                                          \
    S(OUTBOX_IN_STATE, "SELECT id FROM outbox WHERE state = $1 ORDER BY next_ms LIMIT $2")                             \
    S(OUTBOX_SWEEP, "DELETE FROM outbox WHERE state > 1 AND next_ms < $1")                                             \
    S(REMINDED, "INSERT INTO reminders (document, kind, due_ms) VALUES ($1, $2, $3) ON CONFLICT (document, kind, due_ms) DO NOTHING") \
    S(REMIND_ANSWERS, "SELECT a.id, a.answer_due_ms FROM applications a WHERE a.state = 'awaiting_information'"        \
      " AND a.answer_due_ms > $1 AND a.answer_due_ms <= $2 AND NOT EXISTS (SELECT 1 FROM reminders r"                  \
      " WHERE r.document = a.id AND r.kind = $3 AND r.due_ms = a.answer_due_ms) ORDER BY a.id LIMIT $4")               \
    S(REMIND_OPINIONS, "SELECT a.id, a.opinions_due_ms FROM applications a WHERE a.state = 'processing'"               \
      " AND a.opinions_due_ms > $1 AND a.opinions_due_ms <= $2 AND NOT EXISTS (SELECT 1 FROM reminders r"              \
      " WHERE r.document = a.id AND r.kind = $3 AND r.due_ms = a.opinions_due_ms) ORDER BY a.id LIMIT $4")             \
    S(REMIND_DECISIONS, "SELECT a.id, a.due_ms FROM applications a WHERE a.state = 'processing'"                       \
      " AND a.due_ms > $1 AND a.due_ms <= $2 AND NOT EXISTS (SELECT 1 FROM reminders r"                                \
      " WHERE r.document = a.id AND r.kind = $3 AND r.due_ms = a.due_ms) ORDER BY a.id LIMIT $4")                      \
    S(REMIND_ENDS, "SELECT p.id, p.to_ms FROM permits p WHERE p.state = 1 AND p.to_ms > $1 AND p.to_ms <= $2 AND NOT EXISTS" \
      " (SELECT 1 FROM reminders r WHERE r.document = p.id AND r.kind = $3 AND r.due_ms = p.to_ms) ORDER BY p.id LIMIT $4") \
    /* --- opt-outs --- */                                                                                             \
    S(OPTOUT_ADD, "INSERT INTO optouts (id, action, site, state, sealed, created_ms, done_ms)"                         \
                  " VALUES ($1, $2, $3, 0, $4, $5, 0) ON CONFLICT (id, action, site) DO NOTHING RETURNING id")         \
    S(OPTOUT_GET, "SELECT action, site, state, created_ms, done_ms FROM optouts WHERE id = $1"                         \
                  " ORDER BY created_ms, action, site")                                                                \
    S(OPTOUTS_WAITING, "SELECT id, action, sealed FROM optouts WHERE site = $1 AND state = 0"                          \
                       " ORDER BY created_ms, action, id LIMIT $2")                                                    \
    S(OPTOUT_DONE, "UPDATE optouts SET state = $4, sealed = '', done_ms = $5"                                          \
                   " WHERE id = $1 AND action = $2 AND site = $3 AND state = 0 RETURNING id")                          \
    S(OPTOUT_LIST_PUT, "INSERT INTO optout_lists (site, version, hash, at_ms) VALUES ($1, $2, $3, $4)"                 \
                       " ON CONFLICT (site) DO UPDATE SET version = excluded.version, hash = excluded.hash,"           \
                       " at_ms = excluded.at_ms")                                                                      \
    S(OPTOUT_LIST_GET, "SELECT version, hash, at_ms FROM optout_lists WHERE site = $1")                                \
    S(OPTOUT_LISTS, "SELECT site, version, hash, at_ms FROM optout_lists WHERE site > $1 ORDER BY site LIMIT $2")

enum statement {
#define STATEMENT_NUMBER(name, sql) name,
    STATEMENTS(STATEMENT_NUMBER)
#undef STATEMENT_NUMBER
        STATEMENT_COUNT
};

const char *statement_name(enum statement s);
const char *statement_sql(enum statement s);
unsigned statement_parameters(enum statement s); /* the highest $n in it */
bool statement_writes(enum statement s);
/* Housekeeping that changes nothing anybody could ask about: it needs no entry in the log. */
bool statement_is_upkeep(enum statement s);

#endif
