package plugin

import (
	"context"
	"time"

	"github.com/sirupsen/logrus"
)

const (
	// expiryNotice is how long before its end a certificate is spoken of: time
	// enough to fetch and review the next one.
	expiryNotice = 30 * 24 * time.Hour
	// expiryInterval is how often it is.
	expiryInterval = 24 * time.Hour
)

// Certificate is what an environment seals with.
type Certificate struct {
	Environment string
	// Fingerprint is the SHA-256 in hexadecimal.
	Fingerprint string
	NotAfter    time.Time
}

// watchCertificates logs, now and every day until ctx ends, each certificate
// that has expired or soon will: sealing then fails for all applications of the
// environment.
func watchCertificates(ctx context.Context, certificates func() []Certificate, log logrus.FieldLogger) {
	tick := time.NewTicker(expiryInterval)
	defer tick.Stop()
	for {
		warnOfExpiry(certificates(), time.Now(), log)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func warnOfExpiry(certificates []Certificate, now time.Time, log logrus.FieldLogger) {
	for _, certificate := range certificates {
		left := certificate.NotAfter.Sub(now)
		if left > expiryNotice {
			continue
		}
		log.WithFields(logrus.Fields{
			"environment": certificate.Environment, "fingerprint": certificate.Fingerprint,
			"expires": certificate.NotAfter.UTC().Format(time.RFC3339), "days": int(left / (24 * time.Hour)),
		}).Warn("the sealing certificate expires; fetch the cluster's next one with kubeseal --fetch-cert and pin it")
	}
}
