"""The steps of a journey, one file each: what a step reads, the call that makes its value, when the value stands."""
