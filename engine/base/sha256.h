/* SHA-256 (FIPS 180-4) over OpenSSL's EVP. Digests are 64 lower-case hexadecimal characters and a NUL. */
#ifndef SPILLOVER_SHA256_H
#define SPILLOVER_SHA256_H

#include <stddef.h>

#include "engine/base/status.h"

enum { SHA256_HEX = 65 };

struct sha256 {
    void *context; /* owned; released by sha256_hex */
};

/* A stream of updates between one sha256_open and one sha256_hex, which ends and releases it. */
void sha256_open(struct sha256 *h);
void sha256_update(struct sha256 *h, const void *data, size_t size);
void sha256_hex(struct sha256 *h, char hex[SHA256_HEX]);

/* The digest of a file's bytes. ST_IO when it cannot be read. */
MUST_USE enum status sha256_file(const char *path, char hex[SHA256_HEX]);

/* The digest of a string, without its NUL. */
void sha256_text(const char *text, char hex[SHA256_HEX]);

#endif
