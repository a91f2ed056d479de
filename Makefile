# karma - build, test, install. `make help` lists the targets.
#
#   make            the program build/karma and the library build/libkarma.a
#   make demo       installs what is missing, builds, evaluates offline
#   make check      lint, the suite, the suite under ASan and UBSan
#   SAN=address,undefined builds into a folder of its own.
#   DICOM=1 or 0 reads DICOM files or does not; `make deps DICOM=1` installs what that takes.

SAN    ?=
# For another machine than this one: CROSS=aarch64-linux-gnu- (doc/robustness.md).
CROSS  ?=
ifeq ($(origin CC),default)
CC := $(CROSS)gcc
endif
PREFIX ?= /usr/local
JOBS   ?= $(shell nproc)

BUILD := build$(if $(SAN),/san)
PKGS  := jansson yaml-0.1 nettle libutf8proc sqlite3 sndfile soxr zlib snappy libzstd liblz4 libjpeg libpng libwebp
ifeq ($(filter deps help clean demo check docs format,$(or $(MAKECMDGOALS),all)),)
ifneq ($(shell pkg-config --exists $(PKGS) && echo yes),yes)
$(error some of the packages $(PKGS) are missing: run `make deps`)
endif
endif

# DICOM files need DCMTK and a C++ compiler: with DICOM=1 that part is built, with 0 it is not; by
# default it is where both are installed.
ifndef DICOM
DICOM := $(shell pkg-config --exists dcmtk && command -v $(CXX) > /dev/null && echo 1 || echo 0)
else ifeq ($(DICOM)$(filter deps help clean demo check docs format,$(or $(MAKECMDGOALS),all)),1)
ifneq ($(shell pkg-config --exists dcmtk && command -v $(CXX) > /dev/null && echo yes),yes)
$(error DICOM=1 needs libdcmtk-dev and $(CXX): run `make deps DICOM=1`)
endif
endif
DICOM_SO := $(if $(filter 1,$(DICOM)),$(BUILD)/libkarma-dicom.so)

# Of the shared library; raised with a change that breaks programs built before it.
SOVERSION := 0
VERSION = $(shell sed -n 's/^.define KARMA_VERSION "\(.*\)"/\1/p' include/karma/karma.h)

WARN   := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wvla -Wformat=2 -Wundef -Werror
HARDEN := $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer,\
            -D_FORTIFY_SOURCE=2 -fstack-protector-strong)
CFLAGS   ?= -O2 -g
CPPFLAGS += -Iinclude -Isrc -iquote . -D_GNU_SOURCE -MMD -MP $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
ALLFLAGS  = -std=c17 $(CFLAGS) $(WARN) $(HARDEN) -ffp-contract=off -fvisibility=hidden -fPIC -pthread
LDFLAGS  += $(if $(SAN),-fsanitize=$(SAN),-Wl,-z,relro,-z,now) -pthread
LDLIBS   := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lm

ROOMS := base formats text media tensor tensor/cpu nn models engine datasets processors metrics api eval
LIB_SRC := $(wildcard $(addprefix src/,$(addsuffix /*.c,$(ROOMS))))
CLI_SRC := $(wildcard src/cli/*.c)
LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/%.o)
CLI_OBJ := $(CLI_SRC:%.c=$(BUILD)/%.o)

SUPPORT_SRC := $(filter-out %_main.c,$(wildcard tests/support/*.c))
SUPPORT_OBJ := $(SUPPORT_SRC:%.c=$(BUILD)/%.o)
TEST_SRC := $(wildcard tests/unit/*/test_*.c tests/contract/test_*.c tests/golden/test_*.c)
TEST_BIN := $(TEST_SRC:%.c=$(BUILD)/%)
DRIVER_BIN := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/support/*_main.c tests/torture/*_main.c))
FUZZ_SRC := $(wildcard fuzz/fuzz_*.c)
REPLAY_BIN := $(FUZZ_SRC:fuzz/fuzz_%.c=$(BUILD)/fuzz/replay_%)
# Plugins for the tests: one a file, and of table.c one for each CASE_ in it.
PLUGIN_SO := $(addprefix $(BUILD)/tests/plugins/,misbehaving.so listener.so viewer.so $(addprefix table_,$(addsuffix .so,\
    $(shell grep -o 'CASE_[a-z_]*[a-z]' tests/support/plugins/table.c 2>/dev/null | sed 's/CASE_//' | sort -u))))
BENCH_BIN := $(patsubst %.c,$(BUILD)/%,$(wildcard bench/bench_*.c))

.PHONY: all lib dicom deps demo check suite lint fuzz torture bench compare docs install uninstall clean help format tests
all: $(BUILD)/karma $(BUILD)/libkarma.a $(BUILD)/libkarma.so dicom

lib: $(BUILD)/libkarma.a $(BUILD)/libkarma.so dicom

# The library looks for this file when it meets a DICOM file, so one of an earlier build must go.
dicom: $(DICOM_SO)
	$(if $(DICOM_SO),,@rm -f $(BUILD)/libkarma-dicom.so)

# Instruction sets beyond the baseline are per file; the right one is chosen at start. On another
# machine than x86-64 these files are empty.
ifneq ($(filter x86_64%,$(shell $(CC) -dumpmachine)),)
$(BUILD)/src/tensor/cpu/kernels_avx2%: ISA := -mavx2 -mfma -mf16c
$(BUILD)/src/tensor/cpu/kernels_avx512%: ISA := -mavx512f -mavx512bw -mavx512vl -mavx512dq -mfma -mf16c
$(BUILD)/src/tensor/cpu/kernels_avx512vnni%: ISA := -mavx512vnni -mavx512f -mavx512bw -mavx512vl -mavx512dq -mfma -mf16c
$(BUILD)/src/tensor/cpu/kernels_avx512bf16%: ISA := -mavx512bf16 -mavx512f -mavx512bw -mavx512vl -mavx512dq -mfma -mf16c
endif

# Short sums over many pixels: worth vectorising.
$(BUILD)/src/media/resize.o: ISA := -O3
$(BUILD)/src/media/dicom.o: CPPFLAGS += -DKARMA_LIBDIR='"$(PREFIX)/lib"'

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALLFLAGS) $(ISA) -c $< -o $@

# One relocatable object with only the public symbols left global, so that libkarma.a pollutes no
# name space: hidden symbols become local. The program exports the public ones to its plugins.
$(BUILD)/libkarma.a: $(LIB_OBJ)
	$(CROSS)ld -r -o $(BUILD)/libkarma.o $(LIB_OBJ)
	$(if $(SAN),,$(CROSS)objcopy --localize-hidden $(BUILD)/libkarma.o)
	@rm -f $@
	$(CROSS)ar rcs $@ $(BUILD)/libkarma.o

$(BUILD)/libkarma.so: $(LIB_OBJ)
	$(CC) -shared -Wl,-soname,libkarma.so.$(SOVERSION) $(LDFLAGS) -o $@ $(LIB_OBJ) $(LDLIBS)

# C++, apart from the rest and loaded by it when needed: DCMTK and what it stands on are 28 libraries.
CXXWARN := -Wall -Wextra -Wshadow -Wconversion -Wvla -Wformat=2 -Wundef -Werror
DICOM_LIBS := -ldcmjpls -ldcmjpeg -ldcmimage -ldcmimgle -ldcmdata -loflog -lofstd
$(BUILD)/src/media/dicom_dcmtk.o: src/media/dicom_dcmtk.cc Makefile
	@mkdir -p $(@D)
	$(CXX) $(CPPFLAGS) $(shell pkg-config --cflags dcmtk) -std=c++17 $(CFLAGS) $(CXXWARN) $(HARDEN) \
	    -fvisibility=hidden -fPIC -pthread -c $< -o $@
$(BUILD)/libkarma-dicom.so: $(BUILD)/src/media/dicom_dcmtk.o
	$(CXX) -shared -Wl,-soname,libkarma-dicom.so $(LDFLAGS) -o $@ $< $(DICOM_LIBS)

# Tests and drivers see the library's inside: the objects, before hiding.
$(BUILD)/libinside.a: $(LIB_OBJ) $(SUPPORT_OBJ)
	@rm -f $@
	$(CROSS)ar rcs $@ $^

$(BUILD)/karma: $(CLI_OBJ) $(BUILD)/libkarma.a
	$(CC) $(LDFLAGS) -Wl,--export-dynamic -o $@ $(CLI_OBJ) $(BUILD)/libkarma.a $(LDLIBS)

# As a stranger builds them: nothing of ours is linked.
$(BUILD)/tests/plugins/table_%.so: tests/support/plugins/table.c include/karma/*.h
	@mkdir -p $(@D)
	$(CC) -std=c17 $(CFLAGS) $(WARN) -D_GNU_SOURCE -Iinclude -fPIC -fvisibility=hidden -DCASE_$* -shared -o $@ $<
$(BUILD)/tests/plugins/%.so: tests/support/plugins/%.c include/karma/*.h
	@mkdir -p $(@D)
	$(CC) -std=c17 $(CFLAGS) $(WARN) -D_GNU_SOURCE -Iinclude -fPIC -fvisibility=hidden -shared -o $@ $<

$(BUILD)/tests/%: $(BUILD)/tests/%.o $(BUILD)/libinside.a
	$(CC) $(LDFLAGS) -Wl,--export-dynamic -o $@ $(filter %.o,$^) $(BUILD)/libinside.a $(LDLIBS) -lcmocka

# What stands before the C library's calls may be linked into no other program.
$(BUILD)/tests/torture/torture_main: $(patsubst %.c,$(BUILD)/%.o,$(filter-out %_main.c,$(wildcard tests/torture/*.c)))

$(BUILD)/fuzz/replay_%: $(BUILD)/fuzz/fuzz_%.o $(BUILD)/fuzz/replay_main.o $(BUILD)/libinside.a
	$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(BUILD)/libinside.a $(LDLIBS)

$(BUILD)/bench/%: $(BUILD)/bench/%.o $(BUILD)/libinside.a
	$(CC) $(LDFLAGS) -o $@ $< $(BUILD)/libinside.a $(LDLIBS)

.SECONDARY:

deps:
	@DICOM=$(DICOM) sh tools/deps.sh

demo: deps
	@$(MAKE) -s -j$(JOBS) all
	@sh demo/run.sh $(BUILD)/karma

tests: dicom $(TEST_BIN) $(DRIVER_BIN) $(REPLAY_BIN) $(PLUGIN_SO)

# Builds and runs everything once; prints one closing line.
suite: all tests
	@sh tests/run.sh $(BUILD)

check: deps
	@$(MAKE) -s -j$(JOBS) lint
	@$(MAKE) -s -j$(JOBS) all tests
	@$(MAKE) -s -j$(JOBS) BUILD=$(BUILD)/san SAN=address,undefined CFLAGS="-O1 -g" all tests
	@sh tests/run.sh $(BUILD) $(BUILD)/san

lint:
	@sh tools/lint.sh

format:
	clang-format -i $(shell git ls-files -co --exclude-standard '*.c' '*.h')

fuzz:
	@sh tools/fuzz.sh

# N kills (2,000), and of the other faults in proportion, within MINUTES (15).
torture:
	@N=$(or $(N),2000) sh tools/torture.sh $(MINUTES)

bench: $(BENCH_BIN) $(BUILD)/karma
	@for b in $(BENCH_BIN); do echo "== $$b"; $$b || exit 1; done

compare: all tests
	@sh tools/compare/run.sh

# Browsable pages of headers and doc/. Doxygen is needed for nothing else, so deps leaves it out.
docs:
	@command -v doxygen > /dev/null || { echo "docs: doxygen is missing: apt-get install doxygen" >&2; exit 1; }
	@mkdir -p $(BUILD)/docs
	@KARMA_DOCS=$(BUILD)/docs doxygen Doxyfile
	@echo "docs: $(BUILD)/docs/html/index.html"

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/pkgconfig \
	    $(DESTDIR)$(PREFIX)/include/karma $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 755 $(BUILD)/karma $(DESTDIR)$(PREFIX)/bin/karma
	install -m 644 $(BUILD)/libkarma.a $(DESTDIR)$(PREFIX)/lib/libkarma.a
	install -m 755 $(BUILD)/libkarma.so $(DESTDIR)$(PREFIX)/lib/libkarma.so.$(SOVERSION)
	$(if $(DICOM_SO),install -m 755 $(DICOM_SO) $(DESTDIR)$(PREFIX)/lib/libkarma-dicom.so)
	ln -sf libkarma.so.$(SOVERSION) $(DESTDIR)$(PREFIX)/lib/libkarma.so
	install -m 644 include/karma/*.h $(DESTDIR)$(PREFIX)/include/karma/
	install -m 644 doc/karma.1 $(DESTDIR)$(PREFIX)/share/man/man1/karma.1
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBS@|$(LDLIBS)|' -e 's|@VERSION@|$(VERSION)|' \
	    -e 's|@RPATH@|$(if $(filter /usr,$(PREFIX)),, -Wl,-rpath,$${libdir})|' \
	    tools/karma.pc.in > $(DESTDIR)$(PREFIX)/lib/pkgconfig/karma.pc

uninstall:
	rm -rf $(DESTDIR)$(PREFIX)/include/karma
	rm -f $(DESTDIR)$(PREFIX)/bin/karma $(DESTDIR)$(PREFIX)/lib/libkarma.a \
	    $(DESTDIR)$(PREFIX)/lib/libkarma.so $(DESTDIR)$(PREFIX)/lib/libkarma.so.$(SOVERSION) \
	    $(DESTDIR)$(PREFIX)/lib/libkarma-dicom.so \
	    $(DESTDIR)$(PREFIX)/lib/pkgconfig/karma.pc $(DESTDIR)$(PREFIX)/share/man/man1/karma.1

clean:
	rm -rf build

help:
	@sed -n '3,8p' Makefile | sed 's/^# *//'
	@echo "also: deps lint suite fuzz torture bench compare docs install uninstall format clean"
	@echo "  torture [N=2000] [MINUTES=15]: evaluations killed N times, on failing disks, without power"

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
