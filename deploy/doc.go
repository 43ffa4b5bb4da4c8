// Package deploy holds what a deployment needs beside the programs: the image of each (Dockerfile), what Prometheus
// scrapes and when it calls somebody (prometheus.yml, alerts.yml), what to do then (RUNBOOK.md), the migrations' program
// (migrate) and the check of a container's health (healthcheck). docker-compose.yml, at the top, puts them together.
//
// The package itself has tests only. They keep those files true to the code: nobody can start them where the tests run.
package deploy
