// Package terraform stands where terraform's own tests, which are not run here, find theirs.
package terraform
