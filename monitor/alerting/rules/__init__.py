"""What Prometheus is told: recording and alerting rules, and the tests that come with them."""
