"""Why a completion is what it is: each step's candidates, what every transform left of them, and what was picked."""
