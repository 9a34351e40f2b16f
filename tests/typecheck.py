"""The checker that pytest puts around every annotated function: shapes by jaxtyping, types by beartype."""

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))  # an integer is welcome where a float is meant
