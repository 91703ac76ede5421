# spillover: `make help` lists the targets.
PACKAGES := gcc g++ libc6-dev libblis-serial-dev libpcg-cpp-dev libcsv-dev libyaml-dev libjansson-dev libssl-dev \
	libgsl-dev liblbfgs-dev libbz2-dev bzip2 libpcre2-dev gnuplot-nox fonts-liberation
TEST_PACKAGES := $(PACKAGES) check libsubunit-dev jq

comma := ,
BUILD   ?= build
CC      ?= gcc
CXX     ?= g++
TRIPLET := $(shell $(CC) -print-multiarch)
LIBDIR  := /usr/lib/$(TRIPLET)
INCDIR  := /usr/include/$(TRIPLET)

# Contraction is off and FMA is written out, so every optimisation level computes the same bits.
ISA_FLAGS := -march=x86-64-v3 -ffp-contract=off -fno-math-errno -fno-trapping-math
WARN      := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2
OPT       ?= -O3
SAN       ?=
# What the sanitizers insert makes gcc see these where they are not; the plain build still checks them.
WARN      += $(if $(SAN),-Wno-maybe-uninitialized -Wno-restrict -Wno-format-truncation)
CPPFLAGS  += -I. -D_GNU_SOURCE -isystem $(INCDIR)/blis-serial -MMD -MP
CFLAGS    += -std=c17 $(OPT) -g $(ISA_FLAGS) $(WARN) $(SAN) $(if $(CI),-Werror) -ffile-prefix-map=$(CURDIR)=. -include engine/base/banned.h
CXXFLAGS  += -std=c++17 $(OPT) -g -Wall -Wextra $(SAN) -ffile-prefix-map=$(CURDIR)=.
# BLIS by its path: `-lblis` would load the OpenMP build at run time (shared soname, alternatives).
LDLIBS    += $(LIBDIR)/blis-serial/libblis.a -lcsv -lyaml -ljansson -lcrypto -lpcre2-8 -llbfgs -lgsl -lgslcblas -lbz2 -lpthread -lm -lstdc++

DIRS := engine/base data data/tasks engine metrics experiments experiments/arms experiments/pressures
SRC  := $(foreach d,$(DIRS),$(sort $(wildcard $(d)/*.c)))
LIB_OBJ  := $(patsubst %.c,$(BUILD)/%.o,$(filter-out experiments/main.c,$(SRC))) $(BUILD)/engine/base/rng_pcg.o
MAIN_OBJ := $(BUILD)/experiments/main.o
TEST_SRC := $(sort $(wildcard tests/*.c tests/*/*.c))
TEST_SRC := $(filter-out tests/fuzz/% tests/bench/% tests/peers/% tests/torture/%,$(TEST_SRC))
TEST_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(TEST_SRC))

.PHONY: all
all: spillover ## build ./spillover

spillover: $(BUILD)/spillover
	@cp -f $< $@

$(BUILD)/spillover: $(MAIN_OBJ) $(LIB_OBJ)
	$(CC) $(SAN) -o $@ $^ $(LDLIBS)

$(BUILD)/tests/run: $(TEST_OBJ) $(LIB_OBJ)
	$(CC) $(SAN) -o $@ $^ -lcheck -lsubunit -lrt $(LDLIBS)

$(BUILD)/%avx512.o: CFLAGS += -mavx512f -mavx512dq -mavx512bw -mavx512vl -mprefer-vector-width=512
# Tiles in registers are arrays that no level below 2 takes apart, and of which a sanitizer watches every scope.
$(BUILD)/engine/kernels_%.o: CFLAGS += $(if $(findstring -fsanitize,$(SAN)),-O2 -fno-sanitize-address-use-after-scope)
$(BUILD)/engine/base/cpu.o: ISA_FLAGS := -march=x86-64
$(BUILD)/tests/%.o: CFLAGS += -Wno-missing-prototypes # suites are declared by tests.def, in the runner

# The revision that is built, for manifests of runs outside a checkout; empty where this is none. Written when it is
# another one, so that one object is compiled again.
$(BUILD)/experiments/program.o: $(BUILD)/revision
$(BUILD)/experiments/program.o: CPPFLAGS += -DSPILLOVER_REVISION='"$(shell cat $(BUILD)/revision 2>/dev/null)"'

$(BUILD)/revision: FORCE
	@mkdir -p $(@D)
	@git describe --always --abbrev=40 --exclude='*' --dirty >$@.part 2>/dev/null || :
	@if cmp -s $@.part $@; then rm $@.part; else mv $@.part $@; fi

.PHONY: FORCE
FORCE:

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(BUILD)/%.o: %.cc
	@mkdir -p $(@D)
	$(CXX) $(CPPFLAGS) $(CXXFLAGS) -c -o $@ $<

-include $(LIB_OBJ:.o=.d) $(MAIN_OBJ:.o=.d) $(TEST_OBJ:.o=.d)
-include $(wildcard $(BUILD)/tests/fuzz/*.d $(BUILD)/tests/peers/*.d $(BUILD)/tests/bench/*.d $(BUILD)/tests/torture/*.d)

.PHONY: packages
packages: ## print the Debian packages that the program needs
	@echo $(PACKAGES)

.PHONY: demo
demo: ## install what is missing, build, run suite quick, and say where its report is
	@.ci/install $(PACKAGES)
	@$(MAKE) --no-print-directory -j$$(nproc) spillover
	./spillover run quick --jobs $$(nproc) $(DEMO)

.PHONY: test
test: ## install what is missing, build, run the tests
	@.ci/install $(TEST_PACKAGES)
	@$(MAKE) --no-print-directory -j$$(nproc) check check-deps

.PHONY: check
check: $(BUILD)/tests/run spillover adding ## build and run the unit tests (nothing is installed)
	$(BUILD)/tests/run
	sh tests/mutation/mutate.sh --apply

.PHONY: adding
adding: spillover ## add the task, the arm and the metric of experiments/adding.md to a copy of the tree, and run them
	sh tests/adding.sh $(BUILD)

# Targets define LLVMFuzzerTestOneInput; one with seeds writes them into its corpus folder, the last argument.
FUZZ_SECONDS ?= 20
FUZZ_SAN := address,undefined -fno-sanitize-recover=all
FUZZERS  := $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
REPLAYS  := $(patsubst tests/fuzz/fuzz_%.c,$(BUILD)/tests/fuzz/replay_%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))

.PHONY: fuzz fuzz-run
fuzz: ## fuzz each reader for FUZZ_SECONDS (needs clang)
	$(MAKE) BUILD=build-fuzz CC=clang CXX=clang++ OPT=-O1 SAN='-fsanitize=fuzzer-no-link,$(FUZZ_SAN)' fuzz-run

fuzz-run: $(FUZZERS)
	set -e; for f in $^; do mkdir -p $$f.corpus; $$f -max_total_time=$(FUZZ_SECONDS) -max_len=8192 \
	    -print_final_stats=1 -artifact_prefix=$$f. $$f.corpus; done

$(BUILD)/fuzz.a: $(LIB_OBJ) # an archive: a fuzzer links what it reads with, not the whole program
	rm -f $@; $(AR) rcs $@ $^

$(FUZZERS): %: %.o $(BUILD)/fuzz.a
	$(CC) -fsanitize=fuzzer,$(FUZZ_SAN) -o $@ $^ $(LDLIBS)

# Without clang: the seeds, and what lies beside them, again, with REPLAY_SPOILT spoilt copies of each.
.PHONY: replay
replay: $(REPLAYS) ## run every fuzzer's target on its seeds and on spoilt copies of them
	@set -e; for r in $^; do $$r $$r.corpus; done

$(REPLAYS): $(BUILD)/tests/fuzz/replay_%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/tests/fuzz/replay.o $(BUILD)/fuzz.a
	$(CC) $(SAN) -o $@ $^ $(LDLIBS)

# One in STEP system calls is refused, one in STARVE allocations: the defaults sample them in a minute, 1 takes them all
# (hours; with STARVE_PATHS=1 one allocation for each path of calls that leads to one).
KILLS ?= 20
STEP  ?= 60
SEED  ?= 1
STARVE ?= 1009
TORTURE := nice sh tests/torture/torture.sh ./spillover $(BUILD)/tests/torture/breaker
.PHONY: torture
torture: spillover $(addprefix $(BUILD)/tests/torture/,breaker starve.so clock.so) ## kill, refuse, misname and starve a running suite, fill its disk, turn its clocks; all of it: KILLS=1000 STEP=1 STARVE=1 STARVE_PATHS=1
	$(TORTURE) kills $(KILLS) $(SEED)
	$(TORTURE) boundaries $(STEP)
	$(TORTURE) faults $(STEP)
	$(TORTURE) readers $(STEP)
	nice sh tests/torture/hostile.sh ./spillover
	nice sh tests/torture/machine.sh ./spillover $(BUILD)/tests/torture/clock.so
	nice sh tests/torture/starve.sh ./spillover $(BUILD)/tests/torture/starve.so $(STARVE)

.PHONY: starve-leaks
starve-leaks: ## fail one in STARVE allocations under AddressSanitizer: no leak, whichever failed
	$(MAKE) BUILD=build-leaks OPT=-O1 SAN='-fsanitize=address' starve-leaks-run

.PHONY: starve-leaks-run
starve-leaks-run: $(BUILD)/spillover $(BUILD)/tests/torture/starve.so
	LEAKS=1 nice sh tests/torture/starve.sh $^ $(STARVE)

$(BUILD)/tests/torture/breaker: $(BUILD)/tests/torture/breaker.o
	$(CC) $(SAN) -o $@ $^

$(BUILD)/tests/torture/%.so: tests/torture/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(filter-out $(SAN),$(CFLAGS)) -shared -fPIC -o $@ $<

PYTHON ?= /usr/bin/python3
.PHONY: peers
peers: $(addprefix $(BUILD)/tests/peers/,peer_driver probe_driver bpe_driver logits_driver) spillover ## compare with PyTorch, scikit-learn (or skip)
	$(PYTHON) tests/peers/gpt_torch.py $<
	$(PYTHON) tests/peers/probe_sklearn.py $(BUILD)/tests/peers/probe_driver
	$(PYTHON) tests/peers/bpe_reference.py $(BUILD)/tests/peers/bpe_driver
	$(PYTHON) tests/peers/gpt2_import.py $(BUILD)/spillover $(BUILD)/tests/peers/logits_driver
	$(PYTHON) tests/peers/trace_torch.py $(BUILD)/spillover

$(addprefix $(BUILD)/tests/peers/,peer_driver bpe_driver logits_driver): %: %.o $(filter $(BUILD)/engine/% $(BUILD)/data/%,$(LIB_OBJ))
	$(CC) $(SAN) -o $@ $^ $(LDLIBS)

$(BUILD)/tests/peers/probe_driver: $(BUILD)/tests/peers/probe_driver.o $(filter-out $(BUILD)/experiments/%,$(LIB_OBJ))
	$(CC) $(SAN) -o $@ $^ $(LDLIBS)

# DATA: a folder with gsm8k/ and gpt2/, a published model; without it everything is made up. Also of PUBLISHED and
# coverage, below.
DATA ?=
FULL := $(BUILD)/full-size
FULL_SETS := seeds=1 base.updates=3 base.batch=8 base.shard=4 base.lanes=2 arm.updates=3 arm.stage_cap=1 arm.projection_warmup=1 \
	press.pressure=deceive press.updates=3 press.batch=8 measure.questions=8 measure.probe_train=16 measure.probe_test=8
.PHONY: full-size
full-size: $(BUILD)/tests/bench/gpt2_files spillover ## suite gpt2_gsm8k at 124 M for a few updates, tokenizer and full-size bench (DATA: a folder with gsm8k/ and gpt2/)
	mkdir -p $(FULL)
	$(if $(wildcard $(DATA)/gpt2),ln -sfn $(abspath $(DATA)/gsm8k) $(abspath $(DATA)/gpt2) $(FULL)/,$(BUILD)/tests/bench/gpt2_files $(FULL))
	./spillover run gpt2_gsm8k --quiet --jobs 1 --threads 2 --data $(FULL) --out $(FULL)/runs $(FULL_SETS:%=--set %)
	./spillover bench --bpe $(FULL)
	./spillover bench gpt2-latent gpt2-lora --repeats 1 --mode portable

$(BUILD)/tests/bench/gpt2_files: %: %.o $(filter $(BUILD)/engine/% $(BUILD)/data/%,$(LIB_OBJ))
	$(CC) $(SAN) -o $@ $^ $(LDLIBS)

.PHONY: browser
browser: spillover ## look at the page of a run in headless Chromium (or skip); pictures in build/browser
	./spillover run smoke --quiet --out $(BUILD)/smoke
	$(PYTHON) tests/browser/view.py ./spillover $(BUILD)/smoke smoke $(BUILD)/browser

.PHONY: old-cpu
old-cpu: spillover ## see that a CPU without AVX2 is told so (or skip)
	@if command -v qemu-x86_64 >/dev/null; then ! qemu-x86_64 -cpu Nehalem ./spillover --version 2>$(BUILD)/old-cpu; \
	    grep 'this CPU lacks AVX2' $(BUILD)/old-cpu; else echo "old-cpu: skipped, there is no qemu-x86_64"; fi

.PHONY: slurm
slurm: spillover ## run a suite through a real Slurm that is started here (or skip)
	tests/slurm/single_machine.sh ./spillover

# Valgrind knows no AVX-512, and computes what is fused in software: tests/unfused.h. Suite gemm, which compares with BLIS to
# the bit, runs as it is.
VALGRIND_FUSED  := gemm
VALGRIND_SUITES ?= $(filter-out $(VALGRIND_FUSED),$(shell sed -n 's/^TEST_SUITE(\(.*\))/\1/p' tests/tests.def))
.PHONY: valgrind
valgrind: spillover ## run every suite (or VALGRIND_SUITES) under valgrind (or skip)
	@if command -v valgrind >/dev/null; then \
	    $(MAKE) BUILD=build-valgrind SAN='-include tests/unfused.h' valgrind-run && \
	    $(MAKE) VALGRIND_SUITES='$(VALGRIND_FUSED)' valgrind-run; \
	    else echo "valgrind: skipped, there is none"; fi

.PHONY: valgrind-run
valgrind-run: $(BUILD)/tests/run
	SPILLOVER_ISA=avx2 CK_FORK=no CK_TIMEOUT_MULTIPLIER=50 valgrind -q --error-exitcode=9 $< $(VALGRIND_SUITES)

.PHONY: memory
memory: spillover ## see that cells of the default size take at most 60 MB each
	sh tests/bench/memory.sh ./spillover $(BUILD)/memory

SANITIZE ?= address,undefined
.PHONY: sanitize
sanitize: spillover ## build and run the unit tests with SANITIZE (address,undefined; or thread)
	$(MAKE) BUILD=build-san-$(firstword $(subst $(comma), ,$(SANITIZE))) OPT=-O1 \
	    SAN='-fsanitize=$(SANITIZE) -fno-sanitize-recover=undefined' sanitize-run

# What runs in threads are gradient lanes, of the engine and of a learner; cells are processes.
.PHONY: tsan
tsan: ## run the tests of what runs in threads under ThreadSanitizer
	$(MAKE) SANITIZE=thread SANITIZE_SUITES="engine_bits arms resume" sanitize

SANITIZE_SUITES ?=
.PHONY: sanitize-run
sanitize-run: $(BUILD)/tests/run
	$< $(SANITIZE_SUITES)

.PHONY: coverage
coverage: ## run the tests on an instrumented build; lines and branches by file, from gcovr (or skip)
	@if command -v gcovr >/dev/null; then \
	    $(MAKE) BUILD=build-coverage OPT=-O1 SAN='--coverage -fprofile-update=atomic -include tests/gcov_exit.h' coverage-run; \
	    else echo "coverage: skipped, there is no gcovr"; fi

# A line with BUG says what never happens; jansson's loop over an object asks whether a value that is there is NULL; the
# cases of a switch count as lines, and the compiler's way to them has an edge for none of them too;
# whether a vector of a register tile is the last, cut one is decided when the tile is compiled.
GCOVR = gcovr --root . --object-directory $(BUILD) --exclude tests --exclude-unreachable-branches \
	--exclude-throw-branches --exclude-lines-by-pattern '.*\bBUG\(.*' \
	--exclude-branches-by-pattern '.*(\b(json_object_foreach|switch )\(|\btail && j == nv - 1\b).*'
# Cells of the tests are processes of ./spillover, which this build replaces until the next make. What tests leave out
# because it takes spoilt files by the thousand, a machine's refusals, its speed, or published data (DATA) comes after
# them.
.PHONY: coverage-run
coverage-run: $(BUILD)/tests/run spillover $(addprefix $(BUILD)/tests/torture/,breaker starve.so) $(REPLAYS)
	find $(BUILD) -name '*.gcda' -delete
	$(if $(DATA),SPILLOVER_DATA=$(abspath $(DATA))) $<
	$(MAKE) replay
	$(TORTURE) faults 10
	$(TORTURE) readers 2
	STARVE_PATHS=1 nice sh tests/torture/starve.sh ./spillover $(BUILD)/tests/torture/starve.so 20
	nice sh tests/torture/hostile.sh ./spillover
	./spillover bench tiny tiny-latent tiny-gen --processes 2 --mode portable --repeats 1 --seconds 0
	./spillover bench --metrics --mode portable --repeats 1 --seconds 0
	SPILLOVER_ISA=avx2 ./spillover bench tiny --ops --gemm blis --mode portable --seconds 0
	./spillover doctor
	grep -qw avx512f /proc/cpuinfo || rm $(BUILD)/engine/kernels_avx512.gc* # what this CPU cannot run is not measured
	$(GCOVR) --txt $(BUILD)/lines.txt --print-summary
	$(GCOVR) --branches --txt $(BUILD)/branches.txt

.PHONY: check-all
check-all: ## everything: tests, sanitizers, valgrind, PyTorch, a browser, Slurm, torture, fuzzing; what is missing is skipped
	$(MAKE) check check-deps
	@if command -v clang-format >/dev/null && command -v clang-tidy >/dev/null; then $(MAKE) LINT_STATES=225000 lint; \
	    else echo "lint: skipped, there is no clang-format or no clang-tidy"; fi
	$(MAKE) sanitize
	$(MAKE) tsan
	$(MAKE) memory
	$(MAKE) coverage
	$(MAKE) valgrind
	$(MAKE) peers
	$(MAKE) browser
	$(MAKE) slurm
	$(MAKE) old-cpu
	$(MAKE) torture
	$(MAKE) starve-leaks
	$(MAKE) replay
	$(MAKE) reproducible
	$(MAKE) mutation
	$(MAKE) full-size
	$(MAKE) verify
	$(MAKE) pages
	@if command -v clang >/dev/null; then $(MAKE) fuzz; else echo "fuzz: skipped, there is no clang"; fi

MUTANTS ?= .
.PHONY: mutation
mutation: ## plant a fault at a time (MUTANTS: in the files that match it) and see that the tests fail; ten minutes
	sh tests/mutation/mutate.sh $(BUILD) '$(MUTANTS)'

.PHONY: reproducible
reproducible: ## build twice, in other folders and locales, and compare the programs
	sh tests/reproducible.sh $(BUILD)

SOURCES := $(foreach d,$(DIRS) tests tests/*,$(wildcard $(d)/*.[ch] $(d)/*.cc))

.PHONY: format
format: ## rewrite the sources in the house format
	clang-format -i $(SOURCES)

# States of a function that clang's analyzer follows: by default a third of its own default, which finds the same in this
# source and takes two and a half times as long.
LINT_STATES ?= 75000
# The AVX-512 file needs its flags; they change nothing for the others.
LINT_FLAGS := -I. -D_GNU_SOURCE -isystem $(INCDIR)/blis-serial -std=c17 $(ISA_FLAGS) -mavx512f -mavx512dq -mavx512bw \
	-mavx512vl -include engine/base/banned.h -Xclang -analyzer-config -Xclang max-nodes=$(LINT_STATES)

.PHONY: lint
lint: ## check the format and run clang-tidy (changes nothing)
	clang-format --dry-run -Werror $(SOURCES)
	printf '%s\n' $(SRC) $(TEST_SRC) | xargs -P$$(nproc) -I{} clang-tidy --quiet {} -- $(LINT_FLAGS)

.PHONY: bench
bench: spillover ## measure the engine on this core
	./spillover bench
	./spillover bench tiny small --processes $$(nproc)

ROUNDS ?= 5
.PHONY: bench-peers
bench-peers: spillover ## measure it beside PyTorch, in one run; writes build/bench.csv and build/bench.svg
	$(PYTHON) tests/bench/peers.py ./spillover $(BUILD) --rounds $(ROUNDS)

.PHONY: check-deps
check-deps: $(LIB_OBJ) $(MAIN_OBJ) ## prove that includes run engine/base <- data <- engine <- metrics <- experiments
	sh tests/check_deps.sh $(LIB_OBJ:.o=.d) $(MAIN_OBJ:.o=.d)

CELLS  ?= 2
# Those that are measured on published files too are verified where DATA says where the files are.
PUBLISHED := gsm8k mult prosqa prosqa_wide prosqa_triplet prosqa_triplet_wide
SUITES ?= $(filter-out $(if $(DATA),,$(PUBLISHED)),\
	$(patsubst data/results/%.manifest.json,%,$(wildcard data/results/*.manifest.json)))
.PHONY: verify
verify: spillover ## compute CELLS cells of every committed suite (or of SUITES) again and compare to the bit
	set -e; for s in $(SUITES); do ./spillover verify $$s --cells $(CELLS) $(DATA:%=--data %); done

.PHONY: results
results: spillover ## make RESULTS.md, a page a suite and their figures again from data/results; no cell is run
	sh data/results/page.sh ./spillover $(BUILD)/results

.PHONY: pages
pages: results ## see that what `make results` makes is what is committed, and nothing besides
	git diff --exit-code --stat -- RESULTS.md data/results
	test -z "$$(git ls-files --others --exclude-standard -- data/results)"

.PHONY: reference
reference: spillover ## compute suite smoke and keep its results for CI to verify: after a commit that moves bits
	rm -rf $(BUILD)/reference
	./spillover run smoke --quiet --out $(BUILD)/reference
	./spillover results smoke --out $(BUILD)/reference

.PHONY: man
man: spillover ## write the manual page, build/spillover.1
	./spillover man > $(BUILD)/spillover.1.part && mv $(BUILD)/spillover.1.part $(BUILD)/spillover.1

.PHONY: clean
clean: ## remove everything built
	rm -rf build build-* spillover

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'
