"""A user who types MFA codes."""

from __future__ import annotations


class Person:
    """Types what a test says when stsnb prompts for a code, and records the prompts."""

    def __init__(self) -> None:
        self.types: list[str] = []
        self.asked: list[str] = []

    def __call__(self, prompt: str) -> str:
        self.asked.append(prompt)
        if not self.types:
            raise EOFError
        return self.types.pop(0)
