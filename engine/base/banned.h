/* Functions that do not compile in this project (after git's banned.h), included before every C file by the Makefile.
 *
 * Unbounded copies: arena_printf, snprintf or memcpy instead. strtok keeps hidden state: strtok_r. atoi and atof take
 * anything: strtol, csv_number. rand is not reproducible: engine/base/rng.h. */
#ifndef SPILLOVER_BANNED_H
#define SPILLOVER_BANNED_H

/* Their declarations must come before the macros. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BANNED(function) sorry_##function##_is_a_banned_function

#undef strcpy
#define strcpy(...) BANNED(strcpy)
#undef strcat
#define strcat(...) BANNED(strcat)
#undef sprintf
#define sprintf(...) BANNED(sprintf)
#undef vsprintf
#define vsprintf(...) BANNED(vsprintf)
#undef strtok
#define strtok(...) BANNED(strtok)
#undef gets
#define gets(...) BANNED(gets)
#undef atoi
#define atoi(...) BANNED(atoi)
#undef atof
#define atof(...) BANNED(atof)
#undef rand
#define rand(...) BANNED(rand)
#undef srand
#define srand(...) BANNED(srand)

#endif
