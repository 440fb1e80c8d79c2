# Targets for people; the work is in tools/. GNU make 3.81 or later. `make` lists them.

ifndef CARGO_TARGET_DIR
CARGO_TARGET_DIR := $(HOME)/.cache/omi-server/target
endif
export CARGO_TARGET_DIR
export PATH := $(PATH):$(HOME)/.cargo/bin

# Words after the test command: make test ARGS='memories -- --nocapture'
ARGS :=

.NOTPARALLEL:
.PHONY: help run test soak bench lint fmt sqlx openapi

help: ## List the targets
	@sed -n 's/^\([a-z]*\): ## /\1	/p' Makefile | while IFS='	' read -r target what; do \
		printf '  make %-7s %s\n' "$$target" "$$what"; done

run: ## Install what is missing, fetch the models, build and serve
	@tools/install-prerequisites build && tools/fetch-model --configured > /dev/null && \
		cargo build --release --locked && exec "$$CARGO_TARGET_DIR/release/omi-server" serve

test: ## Install what is missing and run every test, the long proofs in a small version
	@tools/with-test-material cargo test --locked $(ARGS)

soak: ## Run the tests with the long proofs at full size
	@OMI_TEST_SOAK=1 tools/with-test-material cargo test --release --locked $(ARGS)

bench: ## Run the benchmarks
	@tools/with-test-material cargo bench --locked $(ARGS)

lint: ## Check the format, the lints and the query cache
	@DATABASE_URL= tools/install-prerequisites build && set -x && cargo fmt --check && \
		cargo clippy --all-targets --locked -- -D warnings && tools/prepare-sqlx --check

fmt: ## Format the code
	@exec cargo fmt

sqlx: ## Renew .sqlx, the committed answers of a database to the checked queries
	@DATABASE_URL= tools/install-prerequisites build && tools/prepare-sqlx

openapi: ## Renew docs/openapi, the committed OpenAPI documents
	@tools/install-prerequisites build && cargo build --locked && mkdir -p docs/openapi && for surface in developer integration user mcp; do \
		"$$CARGO_TARGET_DIR/debug/omi-server" openapi --surface $$surface > docs/openapi/$$surface.json || exit; done
