"""foldwatch: does production agree with what cross-validation promised?"""

__version__ = "0.1.0"
