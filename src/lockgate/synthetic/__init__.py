"""A synthetic UK hospital, written in the formats that real sources send, with planted truths.

Nobody in it exists: NHS numbers are of the test range, postcodes of areas that Royal Mail doesn't use, telephone
numbers of Ofcom's drama ranges. It is also the training data set (docs/how-to/train-on-the-synthetic-hospital.md).
"""

from lockgate.synthetic.generate import Summary, generate

__all__ = ["Summary", "generate"]
