package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
)

const tenantName = "Demo school"

// connect makes a tenant and connects it to the district, as an operator would. On kept data the tenant is there already.
func (d *demo) connect(ctx context.Context) (err error) {
	if d.tenant, err = d.findTenant(ctx); err != nil {
		return err
	}
	if d.tenant == "" {
		if d.tenant, err = d.createTenant(ctx); err != nil {
			return err
		}
	}
	if err := d.endUnfinished(ctx); err != nil {
		return err
	}
	if err := d.api.do(ctx, http.MethodPut, "/v1/tenants/"+d.tenant+"/connection", d.connection(), nil); err != nil {
		return err
	}
	d.notef("tenant %s is connected to district %s", d.tenant, d.clever.district)
	return nil
}

func (d *demo) findTenant(ctx context.Context) (string, error) {
	cursor := ""
	for {
		var page struct {
			Items []struct {
				ID   string `json:"id"`
				Name string `json:"name"`
			} `json:"items"`
			Next string `json:"next_cursor"`
		}
		if err := d.api.do(ctx, http.MethodGet, "/v1/tenants?cursor="+url.QueryEscape(cursor), nil, &page); err != nil {
			return "", err
		}
		for _, tenant := range page.Items {
			if tenant.Name == tenantName {
				return tenant.ID, nil
			}
		}
		if page.Next == "" {
			return "", nil
		}
		cursor = page.Next
	}
}

func (d *demo) createTenant(ctx context.Context) (string, error) {
	var made struct {
		ID string `json:"id"`
	}
	err := d.api.do(ctx, http.MethodPost, "/v1/tenants", map[string]any{
		"name": tenantName, "region": "us-nz", "entitled": true,
	}, &made)
	return made.ID, err
}

// connection is what the command line asks for, in the API's words.
func (d *demo) connection() map[string]any {
	c := d.choices
	link := map[string]any{
		"district_id": d.clever.district,
		"enabled":     true,
		"options": map[string]any{
			"sync_classroom_data":      !c.noClassrooms,
			"force_unique_class_names": c.uniqueClassNames,
			"sync_parent_data":         len(c.parents) > 0,
			"parent_role_types":        append([]string{}, c.parents...), // [], never null
		},
	}
	if len(c.schools) > 0 {
		link["grant"], link["schools"] = map[string]any{"schools": c.schools}, c.schools
	} else {
		link["grant"], link["whole_district"] = map[string]any{"whole": true}, true
	}
	return link
}

// endUnfinished cancels the run that an interrupted demo left in kept data.
func (d *demo) endUnfinished(ctx context.Context) error {
	var page struct {
		Items []apiRun `json:"items"`
	}
	if err := d.api.do(ctx, http.MethodGet, d.runsPath()+"?limit=1", nil, &page); err != nil {
		return err
	}
	if len(page.Items) == 0 || page.Items[0].State.Final() {
		return nil
	}
	left := page.Items[0]
	d.notef("an earlier demo left run %s unfinished: cancelling it", left.ID)
	if err := d.api.do(ctx, http.MethodPost, d.runsPath()+"/"+left.ID+"/cancel", nil, nil); err != nil {
		return err
	}
	_, err := d.follow(ctx, left.ID, func(apiRun) {})
	return err
}

// runsPath is where the tenant's runs are in the API.
func (d *demo) runsPath() string { return fmt.Sprintf("/v1/tenants/%s/runs", d.tenant) }
