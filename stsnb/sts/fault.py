"""Fault: what is wrong with a value, and what to do."""

from __future__ import annotations


class Fault(str):
    """Two sentences in one text: the first names the fault, the second says what to do.

    Parameters
    ----------
    happened : str
        The sentence that names the fault.
    advice : str
        The sentence that says what to do.
    """

    happened: str
    advice: str

    def __new__(cls, happened: str, advice: str) -> Fault:  # noqa: D102 # the class says it
        fault = super().__new__(cls, f"{happened} {advice}")
        fault.happened = happened
        fault.advice = advice
        return fault

    def __reduce__(self) -> tuple[type[Fault], tuple[str, str]]:
        return Fault, (self.happened, self.advice)

    def at(self, place: str) -> Fault:
        """Return the same fault with the place of the value in its first sentence.

        Parameters
        ----------
        place : str
            ``duration_seconds of profile work``, for instance.

        Returns
        -------
        Fault
        """
        return Fault(f"{self.happened.removesuffix('.')} ({place}).", self.advice)
