package clever

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
)

// Trust makes a client believe a test's certificate. All else of its transport
// stays what programs use.
func (c *Client) Trust(cert *x509.Certificate) {
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	transport := c.http.Transport.(*http.Transport)
	if transport.TLSClientConfig == nil {
		transport.TLSClientConfig = &tls.Config{}
	}
	transport.TLSClientConfig.RootCAs = roots
}
