rule a {
 strings: $a = "x\"y" $b = /a\/b/ // c
 condition: /* d */ #a in (1..filesize) > 2 }
