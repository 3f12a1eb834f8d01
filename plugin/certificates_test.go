package plugin

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
)

// TestCertificatesAreWatched expects a warning about what expires within a month
// and about nothing else.
func TestCertificatesAreWatched(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	certificates := []Certificate{
		{Environment: "dev", NotAfter: now.Add(-time.Hour)},
		{Environment: "staging", NotAfter: now.Add(29 * 24 * time.Hour)},
		{Environment: "production", NotAfter: now.Add(31 * 24 * time.Hour)},
	}
	log, lines := logtest.NewNullLogger()
	warnOfExpiry(certificates, now, log)
	days := map[string]int{}
	for _, line := range lines.AllEntries() {
		if line.Level != logrus.WarnLevel {
			t.Errorf("%s is logged at %s", line.Message, line.Level)
		}
		days[line.Data["environment"].(string)] = line.Data["days"].(int)
	}
	if diff := cmp.Diff(map[string]int{"dev": 0, "staging": 29}, days); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
