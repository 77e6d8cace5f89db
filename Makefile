# Each task is a thin call of the real command; `make tasks` lists them.
LINT = go tool -modfile=tools/go.mod golangci-lint

.PHONY: tasks init install test demo peers bench interop lint

tasks: ## list these tasks
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

init: ## fetch the modules
	go mod download

install: ## install botorate into Go's bin folder
	go install ./cmd/botorate

test: ## run the tests
	go test ./...

demo: ## pace a scan against an embedded stand-in for AWS
	go run ./cmd/botorate demo

peers: ## the governor beside other limiters, and its adaptation beside the AWS SDK's: two tables, a quarter of an hour
	cd bench && go test -v -run TestTable -timeout 30m ./pacers -table
	cd bench && go test -v -run TestTable -timeout 30m ./adaptive -table

bench: ## benchmarks: the governor, and the relay beside goproxy
	go test -run '^$$' -bench . -benchmem . ./quota ./internal/wire
	cd bench && go test -run '^$$' -bench . -benchmem ./...

interop: ## run real AWS clients in a closed network namespace (Linux, root)
	go run ./interop

lint: ## what the gate checks of the code's form
	$(LINT) run
