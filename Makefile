# Verbs of the project. Flags of the build stand in CMakePresets.json.
.DEFAULT_GOAL := help
.PHONY: help setup build build-all run test test-fast check check-format check-docs fuzz tidy bench bench-loader bench-peers bench-openvino nasbench calibrate docs results blob-compiler format clean

CONFIG ?= configs/quick.toml
JOBS ?= $(shell nproc)

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

setup: ## install what is needed (Debian packages, .venv)
	@scripts/setup.sh

build: setup ## build the program
	@cmake --preset release
	@cmake --build --preset release -j $(JOBS) --target vpunas vpunas-device

build-all: setup ## build the tests, too
	@cmake --preset release
	@cmake --build --preset release -j $(JOBS)

run: build ## search, train, export, benchmark and report on real images (CONFIG=configs/quick.toml)
	@build/release/vpunas run -c $(CONFIG)

test: build-all ## set up, build and run all tests
	@cd build/release && ctest --output-on-failure -j $(JOBS)

test-fast: build-all ## the tests that take seconds
	@cd build/release && ctest --output-on-failure -j $(JOBS) -L fast

check: check-format check-docs ## what CI checks besides the tests: formatting, documents, sanitizers on the core
	@scripts/check.sh

check-format: ## are the sources formatted?
	@scripts/setup.sh --dev
	@git ls-files '*.h' '*.cpp' | xargs .venv-dev/bin/clang-format --dry-run --Werror

check-docs: ## dead links and long lines in the documents
	@scripts/check_docs.py

fuzz: ## feed damaged files to the readers (SECONDS=60 for each)
	@scripts/setup.sh --dev
	@scripts/fuzz.sh $(or $(SECONDS),60)

tidy: ## clang-tidy on the core (minutes)
	@scripts/setup.sh --dev
	@cmake --preset asan > /dev/null
	@git ls-files 'src/base/*.cpp' 'src/arch/*.cpp' 'src/onnx/*.cpp' 'src/latency/*.cpp' 'src/myriadx/*.cpp' 'src/data/*.cpp' \
	  'src/kernels/*.cpp' \
	  | xargs -P $(JOBS) -n 4 .venv-dev/bin/clang-tidy -p build/asan --quiet

bench: build ## benchmarks (run them on a quiet machine)
	@cmake --build --preset release -j $(JOBS) --target pipeline_bench kernels_bench
	@build/release/pipeline_bench
	@build/release/kernels_bench

bench-loader: build ## random resized crops beside libjpeg-turbo's decoding (IMAGES=folder of JPEGs; a quiet machine)
	@test -n "$(IMAGES)" || { echo "bench-loader: give IMAGES=folder of JPEG files" >&2; exit 1; }
	@cmake --build --preset release -j $(JOBS) --target loader_bench
	@build/release/loader_bench "$(IMAGES)"

calibrate: build ## fit the MyriadX time model to data/myriadx_targets.csv anew (minutes)
	@scripts/setup.sh --dev
	@.venv-dev/bin/python scripts/calibrate_myriadx.py --forms

bench-peers: build ## training and search steps beside plain PyTorch's (a quiet machine, minutes)
	@scripts/setup.sh --bench
	@cmake --build --preset release -j $(JOBS) --target step_bench
	@bench/peers.py

bench-openvino: build ## `vpunas benchmark` beside OpenVINO's benchmark_app (a quiet machine, minutes)
	@scripts/setup.sh --dev
	@bench/benchmark_app.py

SEEDS ?= 1 2 3
MINUTES ?= 40
nasbench: build ## search on NAS-Bench-Macro and judge (IMAGES= CIFAR-10, TABLE= its JSON, SEEDS="1 2 3", MINUTES=40 a seed; call again to go on)
	@test -n "$(IMAGES)" -a -n "$(TABLE)" || { echo "nasbench: give IMAGES=folder of CIFAR-10 and TABLE=nas-bench-macro_cifar10.json" >&2; exit 1; }
	@cmake --build --preset release -j $(JOBS) --target nasbench_macro
	@bench/nasbench_macro.py "$(IMAGES)" "$(TABLE)" --seeds $(SEEDS) --minutes $(MINUTES)

docs: ## the library's headers as HTML, build/docs/html/index.html
	@scripts/setup.sh --docs
	@mkdir -p build && doxygen docs/Doxyfile
	@echo "build/docs/html/index.html"

results: ## copy the figures of the last quick run to docs/results
	@scripts/results.sh

blob-compiler: setup ## fetch Intel's MyriadX compiler (its own licence)
	@scripts/blob_compiler.sh

format: ## format the sources
	@scripts/setup.sh --dev
	@git ls-files '*.h' '*.cpp' | xargs .venv-dev/bin/clang-format -i

clean: ## remove what was built (run folders and .venv stay)
	@rm -rf build
