"""What a layer is: index notation, derivation, normal form, equality and printers."""
