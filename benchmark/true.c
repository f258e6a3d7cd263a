/* SPDX-License-Identifier: Apache-2.0 */
/* True - the smallest program that a storm executes: static, nothing to open. */
int main(void)
{
	return 0;
}
