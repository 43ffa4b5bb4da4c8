package httpapi

import (
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/jackc/pgx/v5"

	"cleversync/shared/postgres"
	"cleversync/shared/roster"
)

func (a *API) downloadIssues(ctx context.Context, in *RunPath) (*huma.StreamResponse, error) {
	var issues []roster.Issue
	err := a.within(ctx, func(tx pgx.Tx) (err error) {
		if _, err = postgres.ReadTenant(ctx, tx, in.Tenant); err != nil {
			return err
		}
		issues, err = postgres.ReadIssues(ctx, tx, in.Tenant, in.Run)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		ctx.SetHeader("Content-Type", "text/csv; charset=utf-8")
		ctx.SetHeader("Content-Disposition", fmt.Sprintf(`attachment; filename="clever-issues-%s.csv"`, in.Run))
		ctx.SetStatus(http.StatusOK)
		table := csv.NewWriter(ctx.BodyWriter())
		table.UseCRLF = true
		// An error here means that the caller has gone; csv.Writer keeps it and
		// writes no more.
		_ = table.Write([]string{"severity", "code", "kind", "clever_id", "field", "message", "action"})
		for _, issue := range issues {
			_ = table.Write(row(issue))
		}
		table.Flush()
	}}, nil
}

func row(issue roster.Issue) []string {
	text := roster.TextOf(issue.Code)
	cells := []string{
		string(text.Severity), string(issue.Code), string(issue.Kind), issue.ID, issue.Field, text.Message, text.Action,
	}
	for i, cell := range cells {
		cells[i] = harmless(cell)
	}
	return cells
}

// harmless keeps a spreadsheet from taking a value for a formula. Ids and
// fields come from Clever, so anybody who can name a record there could
// otherwise run one on the reader's machine. The full-width forms count too:
// some spreadsheets read them as the plain ones.
func harmless(cell string) string {
	if strings.ContainsAny(firstOf(cell), "=+-@\t\r\n＝＋－＠") || strings.ContainsAny(firstOf(strings.TrimSpace(cell)), "=+-@＝＋－＠") {
		return "'" + cell
	}
	return cell
}

func firstOf(s string) string {
	for _, r := range s {
		return string(r)
	}
	return ""
}
