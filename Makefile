# The default target lists the others.
.PHONY: help build test scripts pairs rotations gitops rotation e2e e2e-all e2e-broken e2e-changes e2e-flows e2e-older e2e-pairs paths power-loss mutants lint deny advisories msrv reproducible fmt golden output bench fuzz tools verify check clean
.DEFAULT_GOAL := help

MESHGEN := target/release/meshgen

# The same commit gets the same verdict: what is random goes by these seeds. `cargo test` alone chooses others each time.
export PROPTEST_RNG_SEED ?= 1
export MESHGEN_FUZZ_SEED ?= 1
# How many random changes of a mesh are followed step by step; `cargo test` alone tries 3.
export MESHGEN_PAIRS ?= 312
# All of what `cargo test` alone tries a share of.
export MESHGEN_THOROUGH ?= 1
# The meshes of the tutorial, those of Istio 1.30, and others that a script installs; and those that only the lab has.
MESHES := $(filter-out %-flux.yaml %-argocd.yaml %-argocd-sealed-secrets.yaml %-flux-sops.yaml %-sail-external-secrets.yaml %-store.yaml %-istio-csr.yaml, \
	$(wildcard topologies/*.yaml)) $(wildcard tools/e2e/meshes/*.yaml)
# Changes whose reports are written down, and which the lab has programs for.
PAIRS := $(addprefix tests/diff/,collector-via-mesh egress-gateway-of-a-remote flux-begins flux-joins flux-leaves flux-promoted \
	flux-stops flux-upgrade gateway-port gateway-sized helm-gateway helm-revision helm-takes-over \
	helm-takes-over-one-cluster helm-upgrade one-is-left primary-becomes-remote primary-leaves \
	rekeyed remote-becomes-primary revision roles-swapped root-trust upgrade-by-revision)
# What `make e2e` runs.
TOPOLOGY ?= topologies/2-clusters-1-control-plane-2-networks.yaml

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build the release program
	cargo build --release --locked

test: ## Run all tests
	cargo test --locked

scripts: ## Let every call of every script of every topology fail in every way, which takes an hour
	cargo test --locked -- --ignored --nocapture scripts::

pairs: ## Follow every change of every mesh of up to three clusters, which takes two hours
	cargo build --locked --example simulator
	MESHGEN_SMALL_EVERY=1 cargo test --locked --test integration -- --nocapture convergence::every_change

rotations: ## Replace roots a thousand times in the simulator, where clusters lag and installations stop, which takes hours
	cargo build --locked --example simulator
	MESHGEN_ROTATIONS=1000 cargo test --locked --test integration -- --nocapture scripts::rotation::a_random_rotation_has_no_outage

gitops: build ## Bring a mesh up from Git with real Flux controllers, API servers and istiods (installs these, which takes 20 minutes; needs root)
	tools/lab/run flux

rotation: build ## Replace the root of a mesh with real API servers, Helm and istiods (installs these, as gitops does; needs root)
	tools/lab/run rotation

e2e: build ## Bring TOPOLOGY up with real API servers, istiods, Envoys and a Zipkin, and send requests through it (installs these; needs root)
	tools/e2e/run meshes $(TOPOLOGY)

e2e-all: build ## Bring all meshes up like this, one after the other, and write docs/meshes-that-ran.md, which takes half an hour
	tools/e2e/all docs/meshes-that-ran.md $(MESHES)

e2e-broken: build ## Break the tree of a mesh in each of a dozen ways, and expect that the lab notices
	tools/e2e/each-broken

e2e-older: build ## Bring up the meshes of Istio 1.11 with that version, built from its sources in ISTIO=DIRECTORY (writes docs/meshes-of-1.11-that-ran.md)
	set -e; lab=$$(tools/e2e/istio-1.11 "$(ISTIO)"); MESHGEN_LAB=$$lab tools/e2e/all docs/meshes-of-1.11-that-ran.md $$(grep -l 'version: 1.11.2' topologies/*.yaml)

e2e-changes: build ## Change a mesh that runs as diff says, while requests go through it, and count those that fail (writes docs/changes-that-ran.md)
	tools/e2e/run changes docs/changes-that-ran.md

e2e-pairs: build ## Follow changes of the tests like this, each in a lab of its own, which takes two hours (writes docs/pairs-that-ran.md)
	tools/e2e/pairs docs/pairs-that-ran.md $(PAIRS)

e2e-flows: build ## Let only the rows of the firewall table through in three meshes, and then all rows but one
	set -e; for topology in tools/e2e/flows/*.yaml; do tools/e2e/run flows "$$topology"; done

paths: build ## Compare what path says of calls with istiod's own push code (compiles it, which takes 15 minutes)
	tools/pushcode/run

power-loss: ## Lose power at each operation of a build, on ext4, xfs, btrfs and f2fs, which needs root
	tools/power-loss

# Without SHARD, a run goes on where the last one ended: target/mutants.out has what was found.
mutants: ## Change what reads and writes trees, keys and locks in each small way, and expect that a test fails, which takes days (SHARD=0/24: a share)
	env -u MESHGEN_THOROUGH CARGO_PROFILE_DEV_DEBUG=0 "$$(tools/install cargo-mutants)/bin/cargo-mutants" mutants $(if $(SHARD),--shard $(SHARD),--iterate)

lint: ## Check formatting, lints and the documentation
	cargo fmt --check
	cargo clippy --all-targets --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --locked --document-private-items

deny: ## Check what comes in from others: licences, duplicates, sources (installs cargo-deny)
	"$$(tools/install cargo-deny)/bin/cargo-deny" --locked check licenses bans sources

advisories: ## Check what comes in from others against RustSec's advisories, which are fetched
	"$$(tools/install cargo-deny)/bin/cargo-deny" --locked check advisories

msrv: ## Compile meshgen with the oldest Rust that Cargo.toml promises (rustup installs it)
	set -e; oldest=$$(sed -n 's/^rust-version = "\(.*\)"$$/\1/p' Cargo.toml); \
		rustup toolchain install "$$oldest" --profile minimal --no-self-update; \
		RUSTUP_TOOLCHAIN=$$oldest cargo check --locked

reproducible: ## Build the release twice in different directories and compare the bytes
	tools/reproducible

fmt: ## Format the code
	cargo fmt

golden: ## Rewrite the golden trees, the snapshots and the schemas from what the code gives now
	GOLDEN=accept INSTA_UPDATE=always cargo test --locked --test integration -- golden:: schema:: attacks::the_page check:: cli:: diff:: init:: reports:: fix:: vectors::

output: build ## Compile every topology into output/
	set -e; for topology in topologies/*.yaml; do \
		$(MESHGEN) build "$$topology" -o "output/$$(basename "$$topology" .yaml)"; \
	done

bench: ## Measure builds of 2, 10, 100 and 1,000 clusters
	cargo bench --locked --bench build

fuzz: ## Give all that meshgen reads inputs that nobody would write, for a minute
	cargo run --release --locked --example fuzz

tools: ## Install the programs that judge what meshgen emits
	tools/install

verify: build ## Give freshly built trees to the programs that will read them (installs these)
	tools/verify

# Others may work on this machine meanwhile, and it may be slow: what takes four times as long as allowed is a fault of ours.
check: export MESHGEN_FUZZ_MILLISECONDS ?= 400
check: tools lint deny test fuzz verify ## What has to hold before a commit

clean: ## Remove what was built
	cargo clean
	find output -mindepth 1 ! -name .gitkeep -delete
