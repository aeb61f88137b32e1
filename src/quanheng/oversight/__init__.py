"""The oversight wing: rules, verdicts, assessments, reports."""
