"""The demo: handwritten digits, a promise, and three phases of production in accelerated time."""
