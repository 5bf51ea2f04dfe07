"""The ONE loop: source -> join -> counts -> state. The daemon, the demo and the backtest all take these steps."""

from monitor.stream.aloud import say
from monitor.stream.halt import Halt
from monitor.stream.living import living
from monitor.stream.loop import TOO_OLD, Step, Stream, total

__all__ = ["TOO_OLD", "Halt", "Step", "Stream", "living", "say", "total"]
