/* SPDX-License-Identifier: Apache-2.0 */
/* Keys: who a program is (CURVE), what batches are sealed to, what digests are keyed with.
 *
 * A key file is INI, mode 0600 (a file others can read is refused, with the chmod to run):
 *
 *   # Pavo key of sensor inner. Secret: whoever has it is this sensor.
 *   [pavo-key]
 *   role = sensor                  (aggregator, sensor, reader, relay)
 *   name = inner
 *   public = <Z85, 40 characters>  CURVE25519
 *   secret = <Z85>
 *   aggregator = <Z85>             the aggregator's public key            (all but the aggregator)
 *   seal = <Z85>                   the aggregator's public sealing key    (aggregator, sensor)
 *   seal-secret = <Z85>            its secret                              (aggregator only)
 *   digest = <Z85>                 the campus-wide key of payload digests (aggregator, sensor)
 *
 * The aggregator's directory holds aggregator.key and enrolled/ROLE/NAME.pub (role, name, public): enrolling is
 * writing such a file, revoking is removing it; the aggregator rereads on SIGHUP. */
#ifndef PAVO_COMMON_KEYS_H
#define PAVO_COMMON_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/flow.h"
#include "common/result.h"

enum key_role { KEY_ROLE_AGGREGATOR, KEY_ROLE_SENSOR, KEY_ROLE_READER, KEY_ROLE_RELAY, KEY_ROLE_COUNT };

#define KEY_BYTES     32
#define KEY_TEXT_SIZE 41 /* Z85 and NUL */

struct keys {
    enum key_role role;
    char name[SENSOR_NAME_MAX];
    char public_key[KEY_TEXT_SIZE]; /* Z85, as ZeroMQ takes them */
    char secret_key[KEY_TEXT_SIZE];
    char aggregator[KEY_TEXT_SIZE];
    uint8_t seal_public[KEY_BYTES];
    uint8_t seal_secret[KEY_BYTES]; /* zero unless aggregator */
    uint8_t digest[KEY_BYTES];
    bool has_seal, has_seal_secret, has_digest;
};

const char *key_role_name(enum key_role role);
MUST_CHECK enum result key_role_parse(const char *text, enum key_role *ret_role);

/* Z85 text of 40 characters and 32 bytes. False: the text is none; the output is untouched then. */
bool key_decode(const char *text, uint8_t ret_key[static KEY_BYTES]);
void key_encode(const uint8_t key[static KEY_BYTES], char ret_text[static KEY_TEXT_SIZE]);

/* New aggregator keys in memory. */
MUST_CHECK enum result keys_make_aggregator(struct keys *ret_keys, struct error *err);

/* New keys of a sensor, reader or relay that belong to `aggregator`. */
MUST_CHECK enum result keys_make(const struct keys *aggregator, enum key_role role, const char *name,
                                 struct keys *ret_keys, struct error *err);

/* Read and write a key file. Writing never overwrites: O_EXCL, 0600, fsync. RESULT_REJECT: there is such a file. */
MUST_CHECK enum result keys_read(const char *path, struct keys *ret_keys, struct error *err);
MUST_CHECK enum result keys_write(const char *path, const struct keys *keys, struct error *err);

/* The text of a key file; `name` stands for the file in complaints. */
MUST_CHECK enum result keys_parse(const char *name, const char *text, size_t length, struct keys *ret_keys,
                                  struct error *err);

/* Only role, name and public key: the file an aggregator keeps of others. Reading sets nothing else. */
MUST_CHECK enum result keys_read_public(int fd, const char *name, struct keys *ret_keys, struct error *err);
MUST_CHECK enum result keys_write_public(const char *path, const struct keys *keys, struct error *err);

/* Wipes. */
void keys_clear(struct keys *keys);

/* Who may connect: DIRECTORY/enrolled/ in memory (enrolled.c). One thread at a time. A file that is wrong fails the
 * whole reading, so that a reload keeps the list it had. */
#define ENROLLED_MAX 65536u
struct enrolled;
MUST_CHECK enum result enrolled_read(const char *directory, struct enrolled **ret_enrolled, struct error *err);
void enrolled_destroy(struct enrolled **enrolled);
size_t enrolled_count(const struct enrolled *enrolled, enum key_role role);

/* The enrolled one by one, by role and then name: `index` from 0 up to where this is false. `ret_name` borrowed. */
bool enrolled_at(const struct enrolled *enrolled, size_t index, enum key_role *ret_role, const char **ret_name,
                 uint8_t ret_public_key[static KEY_BYTES]);

/* Name and role of a CURVE public key (32 raw bytes, as ZAP has them). False: unknown. `ret_name` borrowed. */
bool enrolled_find(const struct enrolled *enrolled, const uint8_t public_key[static KEY_BYTES], enum key_role *ret_role,
                   const char **ret_name);

/* Is somebody enrolled under this role and name? */
bool enrolled_has(const struct enrolled *enrolled, enum key_role role, const char *name);

/* Writes DIRECTORY/enrolled/ROLE/NAME.pub; RESULT_REJECT when the name is taken. */
MUST_CHECK enum result enrolled_add(const char *directory, const struct keys *keys, struct error *err);

#endif
