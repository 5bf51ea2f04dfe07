"""PURE: Counts (the group), the score layout, slices and windows."""

from monitor.counts.counts import Counts
from monitor.counts.layout import Layout
from monitor.counts.slices import Series
from monitor.counts.tally import tally_labelled, tally_predicted

__all__ = ["Counts", "Layout", "Series", "tally_labelled", "tally_predicted"]
