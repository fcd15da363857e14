/* SPDX-License-Identifier: Apache-2.0 */
/* Keys: who a program is (CURVE), what batches are sealed to, what digests are keyed with.
 *
 * A key file is INI, mode 0600 (a file others can read is refused, with the chmod to run):
 *
 *   # Pavo key of sensor inner. Secret: whoever has it is this sensor.
 *   [pavo-key]
 *   role = sensor                  (one of KEY_ROLES below)
 *   name = inner
 *   public = <Z85, 40 characters>  CURVE25519
 *   secret = <Z85>
 *   aggregator = <Z85>             the aggregator's public key            (all but the aggregator)
 *   seal = <Z85>                   the aggregator's public sealing key    (aggregator, and all that speak)
 *   seal-secret = <Z85>            its secret                              (aggregator only)
 *   digest = <Z85>                 the campus-wide key of payload digests (aggregator, sensor, collector)
 *
 * The aggregator's directory holds aggregator.key and enrolled/ROLE/NAME.pub (role, name, public; of a reader also
 * sign, the public half of the pair it delegates with): enrolling is writing such a file, revoking is removing it; the
 * aggregator rereads on SIGHUP.
 *
 * A reader's signing pair (Ed25519) is in no file: it follows from its secret, seed = BLAKE2b-256 of the text
 * "pavo reader signing 1" keyed with it. So a reader that is enrolled can delegate without another secret to keep. */
#ifndef PAVO_COMMON_KEYS_H
#define PAVO_COMMON_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/records/flow.h"
#include "common/result.h"

#define KEY_ROLES(X)                                                                                                   \
    X(AGGREGATOR, aggregator)                                                                                          \
    X(SENSOR, sensor)       /* speaks: flows of itself, bindings, losses, status */                                    \
    X(READER, reader)       /* subscribes and asks */                                                                  \
    X(RELAY, relay)         /* reserved: may be enrolled, no door lets it in yet */                                    \
    X(COLLECTOR, collector) /* speaks: as a sensor, also for its exporters */                                          \
    X(WITNESS, witness)     /* speaks: bindings, losses, status */                                                     \
    X(DETECTOR, detector)   /* speaks: alerts, losses, status */                                                       \
    X(GATEWAY, gateway)     /* asks on behalf of readers that let it (common/delegation.h) */
enum key_role {
#define X(name, word) KEY_ROLE_##name,
    KEY_ROLES(X)
#undef X
        KEY_ROLE_COUNT
};

/* The doors of an aggregator. A door's name is its ZAP domain: "intake", "publish", "answer". */
#define KEY_DOORS(X) X(INTAKE, intake) X(PUBLISH, publish) X(ANSWER, answer)
enum key_door {
#define X(name, word) DOOR_##name,
    KEY_DOORS(X)
#undef X
        DOOR_COUNT
};

#define KEYS_AGGREGATOR_FILE "aggregator.key"     /* in the aggregator's directory; */
#define KEYS_OLD_FILE        "aggregator.key.old" /* the one before: batches sealed to it are taken while it lies there */

#define KEY_BYTES            32
#define KEY_TEXT_SIZE        41 /* Z85 and NUL */

struct keys {
    enum key_role role;
    char name[SENSOR_NAME_MAX];
    char public_key[KEY_TEXT_SIZE]; /* Z85, as ZeroMQ takes them */
    char secret_key[KEY_TEXT_SIZE];
    char aggregator[KEY_TEXT_SIZE];
    uint8_t seal_public[KEY_BYTES];
    uint8_t seal_secret[KEY_BYTES]; /* zero unless aggregator */
    uint8_t digest[KEY_BYTES];
    uint8_t sign_public[KEY_BYTES]; /* Ed25519; of a reader */
    bool has_seal, has_seal_secret, has_digest, has_sign;
};

const char *key_role_name(enum key_role role);
MUST_CHECK enum result key_role_parse(const char *text, enum key_role *ret_role);
/* Does it speak at the intake door? Batches are named after those that do, so no two of them share a name. */
bool key_role_speaks(enum key_role role);

const char *key_door_name(enum key_door door);
MUST_CHECK enum result key_door_parse(const char *text, enum key_door *ret_door);
bool key_role_may_enter(enum key_role role, enum key_door door);

/* Z85 text of 40 characters and 32 bytes. False: the text is none; the output is untouched then. */
bool key_decode(const char *text, uint8_t ret_key[static KEY_BYTES]);
void key_encode(const uint8_t key[static KEY_BYTES], char ret_text[static KEY_TEXT_SIZE]);

/* New aggregator keys in memory. */
MUST_CHECK enum result keys_make_aggregator(struct keys *ret_keys, struct error *err);

/* New keys of any other role that belong to `aggregator`. */
MUST_CHECK enum result keys_make(const struct keys *aggregator, enum key_role role, const char *name,
                                 struct keys *ret_keys, struct error *err);

/* The aggregator's keys with another sealing pair; who it is, and the digest key, stay. */
MUST_CHECK enum result keys_rotate(const struct keys *old, struct keys *ret_keys, struct error *err);

/* Read and write a key file. It must be a plain file, of mode 0600 or less, of root's, the reader's or its folder's
 * owner; links are not followed and nothing is waited for. Writing never overwrites (RESULT_REJECT: there is such a
 * file), but keys_replace does; both write 0600 aside, fsync and rename. */
MUST_CHECK enum result keys_read(const char *path, struct keys *ret_keys, struct error *err);
MUST_CHECK enum result keys_write(const char *path, const struct keys *keys, struct error *err);
MUST_CHECK enum result keys_replace(const char *path, const struct keys *keys, struct error *err);

/* The text of a key file; `name` stands for the file in complaints. */
MUST_CHECK enum result keys_parse(const char *name, const char *text, size_t length, struct keys *ret_keys,
                                  struct error *err);

/* The signing pair of a reader, from its secret; the secret half as libsodium has it, to be wiped. RESULT_REJECT: the
 * keys are no reader's. */
#define KEY_SIGN_SECRET_BYTES 64
MUST_CHECK enum result keys_sign_pair(const struct keys *keys, uint8_t ret_public[static KEY_BYTES],
                                      uint8_t ret_secret[static KEY_SIGN_SECRET_BYTES], struct error *err);

/* Only role, name and public keys: the file an aggregator keeps of others. Reading sets nothing else; the file is
 * checked as a secret one is, but others may read it. RESULT_FATAL: the process cannot open files now. */
MUST_CHECK enum result keys_read_public(const char *path, struct keys *ret_keys, struct error *err);
MUST_CHECK enum result keys_write_public(const char *path, const struct keys *keys, struct error *err);

/* Wipes. */
void keys_clear(struct keys *keys);

/* Who may connect: DIRECTORY/enrolled/ in memory (enrolled.c). One thread at a time. A file that is wrong is left out,
 * so that one such file revokes nobody else and keeps no revoked one in; so are all that share a key, and all that
 * speak and share a name. What was left out is told by enrolled_complaint. The reading as a whole fails only when a
 * folder, memory or descriptors are not to be had. */
#define ENROLLED_MAX            65536u
#define ENROLLED_COMPLAINTS_MAX 16u /* kept as sentences; all are counted */
struct enrolled;
MUST_CHECK enum result enrolled_read(const char *directory, struct enrolled **ret_enrolled, struct error *err);
void enrolled_destroy(struct enrolled **enrolled);
size_t enrolled_count(const struct enrolled *enrolled, enum key_role role);

/* How many files were left out; and of the first ENROLLED_COMPLAINTS_MAX which, why and what to do (NULL: no more). */
size_t enrolled_left_out(const struct enrolled *enrolled);
const char *enrolled_complaint(const struct enrolled *enrolled, size_t index);

/* The enrolled one by one, by role and then name: `index` from 0 up to where this is false. `ret_name` borrowed. */
bool enrolled_at(const struct enrolled *enrolled, size_t index, enum key_role *ret_role, const char **ret_name,
                 uint8_t ret_public_key[static KEY_BYTES]);

/* Name and role of a CURVE public key (32 raw bytes, as ZAP has them). False: unknown. `ret_name` borrowed. */
bool enrolled_find(const struct enrolled *enrolled, const uint8_t public_key[static KEY_BYTES], enum key_role *ret_role,
                   const char **ret_name);

/* Is somebody enrolled under this role and name? */
bool enrolled_has(const struct enrolled *enrolled, enum key_role role, const char *name);

/* The public half of a reader's signing pair. False: no such reader. */
bool enrolled_sign_key(const struct enrolled *enrolled, const char *reader, uint8_t ret_key[static KEY_BYTES]);

/* Writes DIRECTORY/enrolled/ROLE/NAME.pub; RESULT_REJECT when the name is taken, for one that speaks also by another
 * role that speaks. */
MUST_CHECK enum result enrolled_add(const char *directory, const struct keys *keys, struct error *err);

#endif
