package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"

	"cleversync/api/internal/auth"
	"cleversync/shared/postgres"
)

type contextKey struct{}

// principal is whoever asks. Outside admit's reach it is nobody, who may do
// nothing.
func principal(ctx context.Context) auth.Principal {
	who, _ := ctx.Value(contextKey{}).(auth.Principal)
	return who
}

// admit lets a request through to its operation if its token allows that. What
// belongs to another tenant is answered as if it did not exist, whether it does
// or not.
func (a *API) admit(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	who, err := a.auth.Authenticate(ctx.Context(), r)
	if err == nil {
		err = allowed(who, ctx)
	}
	if err != nil {
		p := a.problemOf(ctx.Context(), err)
		if p.Status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Bearer realm="Clever sync"`)
		}
		p.send(w)
		return
	}
	next(huma.WithValue(ctx, contextKey{}, who))
}

func allowed(who auth.Principal, ctx huma.Context) error {
	scope, _ := ctx.Operation().Metadata[metadataScope].(postgres.Scope)
	if who.Operator() {
		return nil
	}
	if scope != postgres.ScopeTenant {
		return newProblem(codeForbidden, "Only an operator's token allows this.")
	}
	tenant, err := uuid.Parse(ctx.Param("tenant"))
	if err != nil || !who.May(tenant) {
		return newProblem(codeUnknownTenant, "")
	}
	return nil
}
