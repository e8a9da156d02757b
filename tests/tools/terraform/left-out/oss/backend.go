// Package oss stands where terraform's oss backend would be.
package oss

import (
	"github.com/hashicorp/terraform/internal/backend"
	"github.com/hashicorp/terraform/internal/backend/remote-state/inmem"
	"github.com/hashicorp/terraform/internal/tfdiags"
	"github.com/zclconf/go-cty/cty"
)

type leftOut struct{ backend.Backend }

// New makes a backend that refuses every configuration.
func New() backend.Backend {
	return leftOut{inmem.New()}
}

func (leftOut) PrepareConfig(value cty.Value) (cty.Value, tfdiags.Diagnostics) {
	var problems tfdiags.Diagnostics
	return value, problems.Append(tfdiags.Sourceless(
		tfdiags.Error,
		"Backend left out",
		"This terraform was built from its Go module for tests, without the oss backend. Install a released terraform 1.11.4 to use it.",
	))
}
